/** React components: a page context provider and the units of the page. */

import { createContext, createElement, useContext, useEffect, useMemo, useRef, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { mount, pageView } from "./index.js";
import type { Decision, Mounted, PageOptions, PageView, Style } from "./index.js";

export interface AdjacentPageProps extends PageOptions {
  children?: ReactNode;
}

export interface AdjacentUnitProps {
  /** The publisher's placement id. */
  placement: string;
  /** Key of the decision, if a placement occurs more than once on a page. */
  slotKey?: string;
  /** Accepted styles, preferred first. */
  styles?: Style[];
  /** A decision made on your server; if absent, the enclosing page requests one. */
  decision?: Decision;
  className?: string;
  /** Fallback, shown once it is known that there is no unit. */
  children?: ReactNode;
  onFill?: (decision: Decision) => void;
  onNoFill?: (decision: Decision) => void;
  onViewable?: (decision: Decision) => void;
}

const View = createContext<PageView | undefined>(undefined);

/** Provides the page context. All units below it are requested in one call. When its props change, a new
 *  page view begins and the units are requested again. */
export const AdjacentPage = ({ children, ...options }: AdjacentPageProps): ReactElement => {
  const serialized = JSON.stringify(options);
  const view = useMemo(() => pageView(JSON.parse(serialized) as PageOptions), [serialized]);
  return createElement(View.Provider, { value: view }, children);
};

/** A unit. Renders an empty element until the unit is decided, also on the server, and again after
 *  unmounting. */
export const AdjacentUnit = (props: AdjacentUnitProps): ReactElement => {
  const { placement, slotKey, styles, decision: given, className, children } = props;
  const view = useContext(View);
  const host = useRef<HTMLDivElement>(null);
  const [empty, setEmpty] = useState(false);
  // Handlers change with every render and must not trigger a new request.
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const styleList = styles?.join();
  useEffect(() => {
    let unmounted = false;
    let mounted: Mounted | undefined;
    const show = (decision: Decision) => {
      if (unmounted || !host.current) return;
      const onViewable = () => latest.current.onViewable?.(decision);
      mounted = mount(host.current, decision, { onViewable });
      setEmpty(!mounted.filled);
      if (mounted.filled) latest.current.onFill?.(decision);
      else latest.current.onNoFill?.(decision);
    };
    const requested = given
      ? undefined
      : view?.ask({ name: placement, key: slotKey, styles: styleList?.split(",") as Style[] | undefined });
    if (requested) void requested.decision.then(show);
    else show(given ?? { fill: false, decision_id: "", reason: "no_answer" });
    return () => {
      unmounted = true;
      requested?.release();
      mounted?.unmount();
    };
    // Compare by id: a decision parsed again is the same decision.
  }, [view, given?.decision_id, placement, slotKey, styleList]);
  return createElement("div", { ref: host, className }, empty ? children : null);
};
