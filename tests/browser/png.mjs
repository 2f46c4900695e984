// Writes screenshots as indexed PNG: they have few colours, and a palette makes files small.
import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";

/** Maps an image to its most common colours and each pixel to the nearest. Runs in a page. */
const indexed = async ([address, most]) => {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  // Merge colours that differ in the lowest three bits of each channel.
  const coarse = (at) => ((data[at] & 0xf8) << 16) | ((data[at + 1] & 0xf8) << 8) | (data[at + 2] & 0xf8);
  const seen = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const color = coarse(at);
    const mean = seen.get(color) ?? [0, 0, 0, 0];
    [0, 1, 2].forEach((part) => (mean[part] += data[at + part]));
    mean[3]++;
    seen.set(color, mean);
  }
  const palette = [...seen.values()]
    .sort((a, b) => b[3] - a[3])
    .slice(0, most)
    .map((mean) => [0, 1, 2].map((part) => Math.round(mean[part] / mean[3])));
  const nearest = new Map();
  const rows = [];
  for (let y = 0; y < height; y++) {
    const row = [];
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4;
      const color = coarse(at);
      if (!nearest.has(color)) {
        const far = palette.map((one) => one.reduce((sum, part, of) => sum + (part - data[at + of]) ** 2, 0));
        nearest.set(color, far.indexOf(Math.min(...far)));
      }
      row.push(String.fromCharCode(nearest.get(color)));
    }
    rows.push(row.join(""));
  }
  return { width, height, palette, rows };
};

const chunk = (name, bytes) => {
  const body = Buffer.concat([Buffer.from(name), bytes]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(bytes.length);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
};

/** Writes a screenshot as PNG with a palette of at most `most` colours. */
export const writeIndexedPng = async (page, screenshot, path, most = 64) => {
  const address = `data:image/png;base64,${screenshot.toString("base64")}`;
  const { width, height, palette, rows } = await page.evaluate(indexed, [address, most]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8);
  const pixels = Buffer.concat(rows.flatMap((row) => [Buffer.of(0), Buffer.from(row, "latin1")]));
  const parts = [
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flat())),
    chunk("IDAT", deflateSync(pixels, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ];
  writeFileSync(path, Buffer.concat(parts));
};
