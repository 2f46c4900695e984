// Server-side rendering of the site in `app.tsx`.
import { renderToString } from "react-dom/server";
import { Story, type Scene } from "./app.js";

export const render = (scene: Scene): string => renderToString(<Story {...scene} />);
