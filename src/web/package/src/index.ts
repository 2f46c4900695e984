export { decide, type DecideOptions } from "./decide.js";
export { define, type DefinedPage } from "./element.js";
export { mount, type Mounted, type MountOptions } from "./mount.js";
export { pageView, type Asked, type PageOptions, type PageView } from "./view.js";
export type {
  Creative,
  Decision,
  DecisionReply,
  Entity,
  Failure,
  Fill,
  NoFill,
  NoFillReason,
  Page,
  Placement,
  Problem,
  Style,
  Viewer,
} from "./types.js";
