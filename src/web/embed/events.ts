/** When a unit's events are reported, and how. */

const VIEWABLE_MS = 1000;
/** MRC: from this area in square pixels, 30 % in view is enough instead of 50 %. */
const LARGE = 242500;

/** Whether a URL is http or https. */
export const safe = (url?: string): url is string => /^https?:/.test(url as string);

/** Reports an event without blocking the page; errors are ignored. */
export const send = (url?: string): void => {
  if (safe(url) && !navigator.sendBeacon?.(url)) {
    fetch(url, { method: "POST", credentials: "omit", keepalive: true }).catch(Object);
  }
};

/** Calls `rendered` once the unit has a size in a visible document (a prerendered page counts as hidden
 *  until it is activated), and `viewed`, if given, once enough of it was in view for one continuous
 *  second. Without `viewed` viewability is not observed. Returns a function to call when the document's
 *  visibility changes. */
export const watch = (box: HTMLElement, rendered: () => void, viewed?: () => void): (() => void) => {
  let inView = false;
  let timer = 0;
  const update = () => {
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
      // `isVisible` is undefined where the browser does not detect occlusion.
      const now = last.isVisible !== false && last.intersectionRatio >= enough;
      // A change of ratio while in view does not restart the second.
      if (now != inView) {
        inView = now;
        update();
      }
    },
    { threshold: [0.3, 0.5], trackVisibility: true, delay: 100 },
  );
  new ResizeObserver(update).observe(box);
  if (viewed) ratios.observe(box);
  return update;
};
