/** The unit's stylesheet, minified by the build: the same text as `built/unit.css`. */
declare module "unit.css" {
  const text: string;
  export default text;
}
