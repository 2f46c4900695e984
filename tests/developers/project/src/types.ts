// Compile-time tests of the declared types of requests and replies.
import { decide, mount, pageView, type Decision, type DecisionReply } from "@adjacent/web";

export const requested = async (): Promise<string> => {
  const reply: DecisionReply = await decide({
    base: "https://units.example",
    publisher: "eu-tech-news",
    page: {
      topics: ["ai-infrastructure"],
      entities: [{ name: "@alibaba cloud", role: "subject" }, "european-commission"],
      commercial: "allow",
    },
    viewer: { region: "DE" },
    placements: [{ name: "article-end", styles: ["terminal", "card"] }],
    render: "html",
    key: "secret",
    reader: { address: "192.0.2.17", agent: "Mozilla/5.0", gpc: true },
  });
  const decision: Decision | undefined = reply.decisions["article-end"];
  if (!decision) return reply.failure?.what ?? "";
  // `fill` discriminates the two kinds of decision.
  return decision.fill ? decision.creative.headline + (decision.html ?? "") : decision.reason;
};

export const shown = (element: HTMLElement, decision: Decision): boolean => mount(element, decision).filled;

// @ts-expect-error: a publisher is needed
void decide({ base: "https://units.example", placements: [] });
void decide({
  base: "https://units.example",
  publisher: "eu-tech-news",
  placements: [{ name: "article-end" }],
  // @ts-expect-error: no field may identify a reader
  page: { user_id: "4711" },
});
void pageView({
  base: "https://units.example",
  publisher: "eu-tech-news",
  // @ts-expect-error: a key is for servers, not for a page view in a browser
  key: "secret",
});
export const unread = (decision: Decision): string =>
  // @ts-expect-error: a no-fill has no creative, so `fill` must be checked first
  decision.creative.headline;
