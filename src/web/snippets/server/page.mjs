// Renders a page with a unit in Node: ADJACENT_URL=… ADJACENT_KEY=… node page.mjs
// (The package @adjacent/web does the same, with types and a retry.)
const { ADJACENT_URL: base, ADJACENT_KEY: key } = process.env;

/** The unit of a page as HTML, or an empty string. Never throws; waits at most 800 ms. */
const unit = async (page, reader = {}) => {
  try {
    const reply = await fetch(`${base}/v1/decisions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        // The reader as seen by your server, for fraud detection. Both are optional.
        ...(reader.address && { "adjacent-reader-address": reader.address }),
        ...(reader.agent && { "adjacent-reader-agent": reader.agent }),
      },
      body: JSON.stringify({
        publisher: "eu-tech-news",
        page,
        viewer: { region: reader.country },
        placements: [{ name: "article-end", styles: ["terminal", "card"] }],
        render: "html",
      }),
      signal: AbortSignal.timeout(800),
    });
    const { decisions } = await reply.json();
    return decisions["article-end"].html ?? "";
  } catch {
    return "";
  }
};

const end = await unit(
  { url: "https://news.example/ai-infrastructure/x", language: "en", topics: ["ai-infrastructure"] },
  { country: "DE" },
);

// Send the page with `Cache-Control: no-store`: a unit belongs to one page view.
console.log(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>A story</title>
<link rel="stylesheet" href="${base}/embed/v1/unit.css">
</head>
<body>
<article><h1>A story</h1><p>Words.</p></article>
${end}
</body>
</html>`);
