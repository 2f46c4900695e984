/** Units in React: a page that says what it is about, and the units on it. */

import { createContext, createElement, useContext, useEffect, useMemo, useRef, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { mount, pageView } from "./index.js";
import type { Decision, Mounted, PageOptions, PageView, Style } from "./index.js";

export interface AdjacentPageProps extends PageOptions {
  children?: ReactNode;
}

export interface AdjacentUnitProps {
  /** The publisher's placement. */
  placement: string;
  /** Names the answer where one placement stands on a page twice. */
  slotKey?: string;
  /** Styles it takes, best first. */
  styles?: Style[];
  /** What your server decided already; without it the page around asks. */
  decision?: Decision;
  className?: string;
  /** Shown where there is no unit, once that is known. */
  children?: ReactNode;
  onFill?: (decision: Decision) => void;
  onNoFill?: (decision: Decision) => void;
  onViewable?: (decision: Decision) => void;
}

const View = createContext<PageView | undefined>(undefined);

/** What the page is about, said once. All units below it ask in one call; when what it says changes, a
 *  new page view begins and they ask again. */
export const AdjacentPage = ({ children, ...options }: AdjacentPageProps): ReactElement => {
  const said = JSON.stringify(options);
  const view = useMemo(() => pageView(JSON.parse(said) as PageOptions), [said]);
  return createElement(View.Provider, { value: view }, children);
};

/** A unit. It is an empty element until there is one, here and on the server, and empty again when it
 *  is taken away. */
export const AdjacentUnit = (props: AdjacentUnitProps): ReactElement => {
  const { placement, slotKey, styles, decision: given, className, children } = props;
  const view = useContext(View);
  const host = useRef<HTMLDivElement>(null);
  const [empty, setEmpty] = useState(false);
  // Handlers are new with every rendering and no reason to ask again.
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const wanted = styles?.join();
  useEffect(() => {
    let gone = false;
    let mounted: Mounted | undefined;
    const show = (decision: Decision) => {
      if (gone || !host.current) return;
      const onViewable = () => latest.current.onViewable?.(decision);
      mounted = mount(host.current, decision, { onViewable });
      setEmpty(!mounted.filled);
      if (mounted.filled) latest.current.onFill?.(decision);
      else latest.current.onNoFill?.(decision);
    };
    const asked = given
      ? undefined
      : view?.ask({ name: placement, key: slotKey, styles: wanted?.split(",") as Style[] | undefined });
    if (asked) void asked.decision.then(show);
    else show(given ?? { fill: false, decision_id: "", reason: "no_answer" });
    return () => {
      gone = true;
      asked?.release();
      mounted?.unmount();
    };
    // A decision that was parsed again is the same decision.
  }, [view, given?.decision_id, placement, slotKey, wanted]);
  return createElement("div", { ref: host, className }, empty ? children : null);
};
