// The site of `app.tsx`, rendered on a server.
import { renderToString } from "react-dom/server";
import { Story, type Scene } from "./app.js";

export const render = (scene: Scene): string => renderToString(<Story {...scene} />);
