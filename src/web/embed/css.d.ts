/** The unit's stylesheet, minified by the build: the same text as `built/unit.css`. */
declare module "unit.css" {
  const text: string;
  export default text;
}

/** Features that not every browser supports: Intersection Observer v2 and prerendering. */
interface IntersectionObserverInit {
  trackVisibility?: boolean;
  delay?: number;
}
interface Document {
  readonly prerendering?: boolean;
}
interface IntersectionObserverEntry {
  readonly isVisible?: boolean;
}
