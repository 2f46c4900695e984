// A small site in React: what the tests look at in a browser.
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
    told: string[];
  }
}

export const Story = ({ options, placements, decision }: Scene): ReactElement => {
  const [there, setThere] = useState(true);
  const [topic, setTopic] = useState(options.page?.topics?.[0] ?? "");
  const tell = (what: string) => (of: Decision) =>
    window.told.push(`${what} ${of.fill ? of.advertiser.id : of.reason}`);
  return (
    <AdjacentPage {...options} page={{ ...options.page, topics: [topic] }}>
      <main>
        <h1>A story</h1>
        <button id="leave" onClick={() => setThere(!there)}>leave or come back</button>
        <button id="cook" onClick={() => setTopic("cooking")}>read about cooking</button>
        {there &&
          placements.map((placement) => (
            <AdjacentUnit
              key={placement}
              placement={placement}
              className="unit"
              decision={decision}
              onFill={tell("fill")}
              onNoFill={tell("nofill")}
              onViewable={tell("viewable")}
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
  window.told = [];
  const page = (
    <StrictMode>
      <Story {...window.scene} />
    </StrictMode>
  );
  const root = document.getElementById("root")!;
  if (window.scene.hydrate) hydrateRoot(root, page);
  else createRoot(root).render(page);
}
