// A small React site for the browser tests.
import { AdjacentPage, AdjacentUnit } from "@adjacent/web/react";
import type { Decision, PageOptions } from "@adjacent/web";
import { StrictMode, useState, type ReactElement } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";

export interface Scene {
  options: PageOptions;
  placements: string[];
  decision?: Decision;
  hydrate?: boolean;
}

declare global {
  interface Window {
    scene: Scene;
    unitEvents: string[];
  }
}

export const Story = ({ options, placements, decision }: Scene): ReactElement => {
  const [mounted, setMounted] = useState(true);
  const [topic, setTopic] = useState(options.page?.topics?.[0] ?? "");
  const record = (type: string) => (decision: Decision) =>
    window.unitEvents.push(`${type} ${decision.fill ? decision.advertiser.id : decision.reason}`);
  return (
    <AdjacentPage {...options} page={{ ...options.page, topics: [topic] }}>
      <main>
        <h1>A story</h1>
        <button id="leave" onClick={() => setMounted(!mounted)}>unmount or mount</button>
        <button id="cook" onClick={() => setTopic("cooking")}>read about cooking</button>
        {mounted &&
          placements.map((placement) => (
            <AdjacentUnit
              key={placement}
              placement={placement}
              className="unit"
              decision={decision}
              onFill={record("fill")}
              onNoFill={record("nofill")}
              onViewable={record("viewable")}
            >
              <p className="own">Read our letter.</p>
            </AdjacentUnit>
          ))}
        <p id="after">More words.</p>
      </main>
    </AdjacentPage>
  );
};

if (typeof document !== "undefined") {
  window.unitEvents = [];
  const page = (
    <StrictMode>
      <Story {...window.scene} />
    </StrictMode>
  );
  const root = document.getElementById("root")!;
  if (window.scene.hydrate) hydrateRoot(root, page);
  else createRoot(root).render(page);
}
