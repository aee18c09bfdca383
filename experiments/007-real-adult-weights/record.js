// Runs the original graphs with TF.js on generated images and writes recorded.json, see README.md.
const fs = require('fs'), crypto = require('crypto');
const tf = require('@tensorflow/tfjs');
function picture(size, seed) {
  const tri = t => Math.abs((t % 510) - 255);
  const px = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) for (let c = 0; c < 3; c++)
    px[(y * size + x) * 3 + c] = 60 + Math.floor(tri(x * (seed + c + 1) + y * (3 - c) + Math.floor(x * y * (seed + 1) / 64)) / 3);
  // Capsules of a standing figure on a grid of 64 cells: x0, y0, x1, y1, radius, r, g, b.
  const s = size / 64, dx = 2 * seed - 2;
  const parts = [[32,24,32,38,7,40,90,200],[28,40,26,50,3,50,50,60],[26,50,26,60,3,50,50,60],[36,40,38,50,3,50,50,60],
    [38,50,38,60,3,50,50,60],[26,20,20-seed,28,2,220,170,140],[20-seed,28,18,36,2,220,170,140],[38,20,44+seed,28,2,220,170,140],
    [44+seed,28,46,20,2,220,170,140],[32,11,32,12,5,220,170,140],[32,7,32,8,5,60,40,30],[30,11,30,11,1,20,20,20],[34,11,34,11,1,20,20,20]];
  for (const [x0,y0,x1,y1,r,...colour] of parts) for (let i = 0; i <= 16; i++) {
    const cx = Math.floor(s * ((16 - i) * (x0 + dx) + i * (x1 + dx)) / 16), cy = Math.floor(s * ((16 - i) * y0 + i * y1) / 16), R = r * s;
    for (let y = Math.max(0, cy - R); y <= Math.min(size - 1, cy + R); y++) for (let x = Math.max(0, cx - R); x <= Math.min(size - 1, cx + R); x++)
      if ((x - cx) ** 2 + (y - cy) ** 2 <= R * R) for (let c = 0; c < 3; c++) px[(y * size + x) * 3 + c] = colour[c];
  }
  return px;
}
const P = 'StatefulPartitionedCall/';
const NODES = {features: P + 'center_net_mobile_net_v2fpn_feature_extractor/model_1/re_lu_2/Relu', center: P + 'Sigmoid_1', heatmaps: P + 'Sigmoid',
  regress: P + 'kpt_regress_0/conv2d_6/BiasAdd', offset: P + 'kpt_offset_0/conv2d_7/BiasAdd', keypoints: 'Identity'};
(async () => {
  await tf.setBackend('cpu');
  const out = {tfjs: tf.version.tfjs, cases: []};
  for (const [name, size] of [['lightning', 192], ['thunder', 256]]) {
    const f = 'package/models/movenet-' + name, json = JSON.parse(fs.readFileSync(f + '.json')), bin = fs.readFileSync(f + '.bin');
    const model = await tf.loadGraphModel({load: async () => ({modelTopology: json.modelTopology, format: json.format,
      weightSpecs: json.weightsManifest.flatMap(g => g.weights), weightData: bin.buffer.slice(bin.byteOffset, bin.byteOffset + bin.length), signature: json.signature})});
    for (const seed of [0, 1, 2]) {
      const px = picture(size, seed), x = tf.tensor4d(Int32Array.from(px), [1, size, size, 3], 'int32');
      const keys = Object.keys(NODES), res = await model.executeAsync({input: x}, keys.map(k => NODES[k]));
      const c = {net: name, seed, size, sha256: crypto.createHash('sha256').update(px).digest('hex')};
      keys.forEach((k, i) => c[k] = {shape: res[i].shape, values: Array.from(res[i].dataSync())});
      out.cases.push(c); console.log(name, seed, c.sha256, c.keypoints.values.slice(0, 9));
    }
  }
  fs.writeFileSync('recorded.json', JSON.stringify(out));
})();
