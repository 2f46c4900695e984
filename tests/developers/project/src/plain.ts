// The same without a framework: an element in the page's markup, and a mounted decision.
import { decide, define, mount, type DefinedPage, type Mounted, type PageOptions } from "@adjacent/web";

declare global {
  interface Window {
    site: PageOptions;
    defined: DefinedPage;
    decide: typeof decide;
    mount: (placement: string) => Promise<Mounted>;
  }
}

window.decide = decide;
window.defined = define(window.site);
window.mount = async (placement) => {
  const { decisions } = await decide({ ...window.site, placements: [{ name: placement }] });
  return mount(document.getElementById("mounted")!, decisions[placement]!);
};
