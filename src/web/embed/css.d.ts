/** The unit's stylesheet, minified by the build: the same text as `built/unit.css`. */
declare module "unit.css" {
  const text: string;
  export default text;
}

/** What not every browser has: the second version of the observer, and pages rendered ahead. */
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
