// The page: reads a GeoTIFF, runs the detector on it, draws the result.
import { predict } from "./predict.js";

const element = (id) => document.getElementById(id);
const ort = globalThis.ort, GeoTIFF = globalThis.GeoTIFF;
const MAX_PIXELS = 25e6;
ort.env.wasm.wasmPaths = new URL("vendor/", location.href).href;
ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send

let session, card, shown;
const ready = load();

async function load() {
  const answer = await fetch("detector/card.json");
  if (!answer.ok) throw new Error("detector/card.json is missing: run examples/browser/get.sh");
  card = await answer.json();
  session = await ort.InferenceSession.create("detector/detector.onnx", { executionProviders: ["wasm"] });
  element("about").textContent = `${card.title}. Detector ${card.name}; needs ${card.channels.join(", ")} as DN (reflectance × 10,000) at ${card.pixel_size_m} m.`;
  element("licence").textContent = `${card.licence}. ${card.attribution.join("; ")}.`;
  element("threshold").value = card.threshold;
}

/** Number of the band of each channel: by its description, else in the order of the file. */
function chooseBands(image) {
  const count = image.getSamplesPerPixel();
  const named = new Map();
  for (let band = 0; band < count; band++) {
    const facts = image.getGDALMetadata(band) || {};
    const name = facts.DESCRIPTION || facts.description;
    if (name) named.set(name.trim().toUpperCase(), band);
  }
  if (card.channels.every((name) => named.has(name))) return card.channels.map((name) => named.get(name));
  if (count < card.channels.length) {
    throw new Error(`The file has ${count} bands, but the detector needs ${card.channels.length}: ${card.channels.join(", ")}.`);
  }
  return card.channels.map((_, at) => at);
}

async function read(file) {
  const tiff = await GeoTIFF.fromBlob(file);
  const image = await tiff.getImage();
  const [width, height] = [image.getWidth(), image.getHeight()];
  if (width * height > MAX_PIXELS) {
    throw new Error(`The image has ${(width * height / 1e6).toFixed(0)} million pixels; the page takes at most ${MAX_PIXELS / 1e6} million.`);
  }
  const bands = chooseBands(image);
  const rasters = await image.readRasters({ samples: bands });
  const channels = Array.from(rasters, (values) => Float32Array.from(values));
  const nodata = image.getGDALNoData();
  const valid = new Uint8Array(width * height);
  let largest = 0;
  for (let at = 0; at < valid.length; at++) {
    // A pixel that is 0 in all bands was not observed, whether or not the file says so.
    const values = channels.map((one) => one[at]);
    valid[at] = values.every((value) => Number.isFinite(value) && value !== nodata) && values.some((value) => value !== 0) ? 1 : 0;
    if (valid[at]) largest = Math.max(largest, ...values);
  }
  if (!valid.some((one) => one)) throw new Error("The image has no valid pixel.");
  if (largest <= 255) throw new Error(`The largest value is ${largest}: the page takes DN (reflectance × 10,000), not 8-bit colours or reflectance in 0..1.`);
  return { channels, valid, height, width, bands };
}

async function run(image, height, width) {
  const tensor = new ort.Tensor("float32", image, [1, card.channels.length, height, width]);
  return (await session.run({ input: tensor })).probability.data;
}

async function map(file) {
  element("error").textContent = "";
  element("result").hidden = true;
  shown = globalThis.landslipResult = undefined;
  try {
    await ready;
    element("status").textContent = `Reading ${file.name}.`;
    const scene = await read(file);
    element("bands").textContent = card.channels.map((name, at) => `${name}: band ${scene.bands[at] + 1}`).join(", ");
    const start = performance.now();
    const probability = await predict(run, card, scene.channels, scene.valid, scene.height, scene.width, (done, all) => {
      element("status").textContent = `${done} of ${all} tiles.`;
    });
    element("status").textContent = `${scene.width} × ${scene.height} px in ${((performance.now() - start) / 1000).toFixed(1)} s.`;
    shown = { ...scene, probability };
    globalThis.landslipResult = { probability: Array.from(probability), height: scene.height, width: scene.width };
    element("result").hidden = false;
    draw();
  } catch (error) {
    element("status").textContent = "";
    element("error").textContent = error.message;
  }
}

/** Brightness of the 2nd and the 98th percentile of the valid pixels of all channels. */
function stretch(scene) {
  const sample = [];
  const step = Math.max(1, Math.floor(scene.valid.length / 20000));
  for (let at = 0; at < scene.valid.length; at += step) {
    if (scene.valid[at]) scene.channels.slice(0, 3).forEach((values) => sample.push(values[at]));
  }
  sample.sort((one, other) => one - other);
  return [sample[Math.floor(0.02 * sample.length)], sample[Math.floor(0.98 * (sample.length - 1))]];
}

function draw() {
  const threshold = Number(element("threshold").value);
  element("threshold-text").textContent = threshold.toFixed(3);
  if (!shown) return;
  const canvas = element("map"), context = canvas.getContext("2d");
  [canvas.width, canvas.height] = [shown.width, shown.height];
  const picture = context.createImageData(shown.width, shown.height);
  const [low, high] = stretch(shown);
  const isLandslide = (at) => shown.probability[at] >= threshold;
  let count = 0;
  for (let at = 0; at < shown.valid.length; at++) {
    if (!shown.valid[at]) continue;
    const x = at % shown.width;
    for (let colour = 0; colour < 3; colour++) {
      const values = shown.channels[Math.min(colour, shown.channels.length - 1)];
      picture.data[4 * at + colour] = 255 * Math.min(1, Math.max(0, (values[at] - low) / (high - low || 1)));
    }
    picture.data[4 * at + 3] = 255;
    if (!isLandslide(at)) continue;
    count += 1;
    const inside = x > 0 && x < shown.width - 1 && [at - 1, at + 1, at - shown.width, at + shown.width].every(isLandslide);
    if (!inside) picture.data.set([255, 214, 10, 255], 4 * at); // outline
  }
  context.putImageData(picture, 0, 0);
  const hectares = count * card.pixel_size_m ** 2 / 1e4;
  element("counts").textContent = `${count} pixels at or above the threshold: ${hectares.toFixed(1)} ha at ${card.pixel_size_m} m.`;
}

element("file").addEventListener("change", (event) => { if (event.target.files[0]) map(event.target.files[0]); });
element("threshold").addEventListener("input", draw);
const drop = element("drop");
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) map(event.dataTransfer.files[0]);
  });
}
ready.then(draw, (error) => { element("error").textContent = error.message; });
