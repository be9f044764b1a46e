// Tiles, gap filling and blending as landslip does them (grid/lattice.py, inference/gap_filling.py, inference/blending.py).

/** First pixel of each tile along one side; the last tile is moved back inside. */
export function starts(size, tile, overlap) {
  if (size <= tile) return [0];
  const found = [];
  for (let at = 0; at < size - tile; at += tile - overlap) found.push(at);
  found.push(size - tile);
  return found;
}

/** Weights along one side of a tile: a squared sine over the overlap, positive everywhere. */
export function ramp(size, overlap) {
  return Float32Array.from({ length: size }, (_, at) => {
    if (!overlap) return 1;
    const distance = Math.min(at, size - 1 - at) + 0.5;
    return Math.sin((Math.PI / 2) * Math.min(distance / overlap, 1)) ** 2;
  });
}

/** Fill gaps of channels (an array of Float32Array) by pull-push interpolation; valid is 1 where observed. */
export function fillGaps(channels, valid, height, width) {
  if ((height === 1 && width === 1) || valid.every((one) => one)) return channels;
  const h = Math.ceil(height / 2), w = Math.ceil(width / 2);
  const count = new Float32Array(h * w);
  const half = channels.map(() => new Float32Array(h * w));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * width + x, to = (y >> 1) * w + (x >> 1);
      if (!valid[from]) continue;
      count[to] += 1;
      channels.forEach((values, channel) => { half[channel][to] += values[from]; });
    }
  }
  const known = Uint8Array.from(count, (one) => (one > 0 ? 1 : 0));
  half.forEach((values) => values.forEach((value, at) => { if (count[at] > 0) values[at] = value / count[at]; }));
  const below = fillGaps(half, known, h, w);
  return channels.map((values, channel) => {
    const filled = Float32Array.from(values);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (!valid[y * width + x]) filled[y * width + x] = interpolate(below[channel], h, w, y, x);
      }
    }
    return filled;
  });
}

function interpolate(values, height, width, y, x) {
  const neighbour = (at, size) => {
    const near = at >> 1;
    return [near, Math.min(size - 1, Math.max(0, at % 2 ? near + 1 : near - 1))];
  };
  const [y0, y1] = neighbour(y, height), [x0, x1] = neighbour(x, width);
  const row = (at) => 0.75 * values[at * width + x0] + 0.25 * values[at * width + x1];
  return 0.75 * row(y0) + 0.25 * row(y1);
}

/** Position in 0..size-1 of one beyond the end, mirrored with the edge repeated. */
function mirror(at, size) {
  const round = at % (2 * size);
  return round < size ? round : 2 * size - 1 - round;
}

/**
 * Predict the probability of an image, NaN where not valid.
 * run: Float32Array (C * h * w), h, w -> Float32Array (h * w). card: of the detector.
 */
export async function predict(run, card, channels, valid, height, width, progress) {
  const multiple = card.size_multiple;
  const [th, tw] = [height, width].map((size) => Math.min(card.tile_px, Math.ceil(size / multiple) * multiple));
  const overlap = Math.min(card.overlap_px, th - 1, tw - 1);
  const rows = starts(height, th, overlap), cols = starts(width, tw, overlap);
  const [wy, wx] = [ramp(th, overlap), ramp(tw, overlap)];
  const sum = new Float32Array(height * width), weight = new Float32Array(height * width);
  let done = 0;
  for (const row of rows) {
    for (const col of cols) {
      const h = Math.min(th, height - row), w = Math.min(tw, width - col);
      const seen = new Uint8Array(h * w);
      let cut = channels.map(() => new Float32Array(h * w));
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const from = (row + y) * width + col + x;
          seen[y * w + x] = valid[from];
          channels.forEach((values, channel) => { cut[channel][y * w + x] = valid[from] ? values[from] : 0; });
        }
      }
      if (seen.some((one) => one)) {
        cut = fillGaps(cut, seen, h, w);
        const image = new Float32Array(channels.length * th * tw);
        cut.forEach((values, channel) => {
          for (let y = 0; y < th; y++) {
            for (let x = 0; x < tw; x++) {
              image[(channel * th + y) * tw + x] = values[mirror(y, h) * w + mirror(x, w)];
            }
          }
        });
        const result = await run(image, th, tw);
        for (let y = 0; y < h; y++) {
          for (let x = 0; x < w; x++) {
            const to = (row + y) * width + col + x, share = wy[y] * wx[x];
            sum[to] += share * result[y * tw + x];
            weight[to] += share;
          }
        }
      }
      progress(++done, rows.length * cols.length);
    }
  }
  return sum.map((value, at) => (valid[at] && weight[at] > 0 ? value / weight[at] : NaN));
}
