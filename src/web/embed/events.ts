/** What is reported of a unit, and when. */

const VIEWABLE_MS = 1000;
/** From this many square pixels on, a unit is large and 30 % of it are enough. */
const LARGE = 242500;

/** Whether an address may be used at all. */
export const safe = (url?: string): url is string => /^https?:/.test(url as string);

/** Reports an event and never makes the page wait or fail. */
export const send = (url?: string): void => {
  if (safe(url) && !navigator.sendBeacon?.(url)) {
    fetch(url, { method: "POST", credentials: "omit", keepalive: true }).catch(Object);
  }
};

/** Calls `rendered` once the unit has a box in a document that somebody can see (a page that is
 *  rendered ahead of its reader is hidden until it is activated), and `viewed`, where there is one,
 *  once enough of it was in view for one unbroken second. Without `viewed` nothing is observed.
 *  What comes back is to be called when the document shows or hides. */
export const watch = (box: HTMLElement, rendered: () => void, viewed?: () => void): (() => void) => {
  let inView = false;
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden || document.prerendering || !box.clientWidth) return;
    rendered();
    rendered = () => {};
    if (inView) {
      timer = setTimeout(() => {
        ratios.disconnect();
        inView = false;
        viewed!();
      }, VIEWABLE_MS);
    }
  };
  const ratios = new IntersectionObserver(
    (entries) => {
      const enough = box.clientWidth * box.clientHeight < LARGE ? 0.5 : 0.3;
      const last = entries.pop()!;
      // Where the browser cannot tell whether something stands over the unit, it says nothing.
      const now = last.isVisible !== false && last.intersectionRatio >= enough;
      // A change of ratio within view does not break the second.
      if (now != inView) {
        inView = now;
        look();
      }
    },
    { threshold: [0.3, 0.5], trackVisibility: true, delay: 100 },
  );
  new ResizeObserver(look).observe(box);
  if (viewed) ratios.observe(box);
  return look;
};
