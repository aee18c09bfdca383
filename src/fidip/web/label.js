"use strict";
// The labelling page. Coordinates are image px with pixel centres at integers, as in the COCO file.
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const ABSENT = 0, OCCLUDED = 1, SEEN = 2;
const SAVE_MS = 300; // after the last change
const CLICK_PX = 4; // a pointer that moves less clicks
const UNSURE = 0.3; // predictions below are drawn pale
const TEMPLATE = [[0, -8], [1, -9], [-1, -9], [2, -8], [-2, -8], [4, -5], [-4, -5], [6, -2], [-6, -2], [7, 1], [-7, 1], [3, 2], [-3, 2], [3, 6], [-3, 6],
  [4, 10], [-4, 10]]; // a new person, of 19 units

let tab = null, about = null, index = -1; // connection, overview, position of the shown image
let people = [], person = 0, joint = 0, isDone = false, version = 0;
let past = [], future = []; // states for undo and redo
let view = { x: 0, y: 0, scale: 1 }; // image px at the stage's corner, and screen px per image px
let dirty = false, timer = null, saving = null, isBlocked = false;

// ---- Connection ----
function connect() {
  const socket = new WebSocket(new URL("tab", location.href.replace(/^http/, "ws")));
  socket.onmessage = async event => {
    const message = JSON.parse(event.data);
    if (message.kind !== "tab") return;
    tab = message.name;
    if (!about) await start(); else { report(""); $("picture").src = pictureOf(index); if (dirty) save(); }
  };
  socket.onclose = () => { tab = null; report("The connection to fidip is lost. The page tries again; changes are saved then."); setTimeout(connect, 1500); };
}

async function ask(path, options) {
  const answer = await fetch(`tabs/${tab}/label${path}`, options);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(content.detail ?? `HTTP status ${answer.status}`), { status: answer.status });
  return content;
}

async function start() {
  try { about = await ask(""); } catch (error) { return report(error.message); }
  $("file").textContent = `Saved in ${about.file} on this computer, after every change.`;
  about.sides = about.joints.map((_, i) => about.joints[i].startsWith("left") ? "left" : about.joints[i].startsWith("right") ? "right" : "middle");
  $("images").replaceChildren(...about.images.map((image, i) => {
    const item = document.createElement("li"), button = document.createElement("button"), name = document.createElement("span");
    name.textContent = image.name;
    button.title = image.name;
    button.append(name);
    button.onclick = () => open(i);
    item.append(button);
    return item;
  }));
  document.querySelector("#joints tbody").replaceChildren(...about.joints.map((name, i) => {
    const row = document.createElement("tr"), label = row.insertCell();
    label.textContent = name.replace("_", " ");
    label.className = about.sides[i];
    row.onclick = () => select(i);
    for (const value of [SEEN, OCCLUDED, ABSENT]) {
      const radio = document.createElement("input");
      Object.assign(radio, { type: "radio", name: `joint${i}`, value, tabIndex: -1 });
      radio.setAttribute("aria-label", `${name} ${["absent", "occluded", "seen"][value]}`);
      radio.onclick = event => { event.stopPropagation(); select(i); setState(value); $("stage").focus(); };
      row.insertCell().append(radio);
    }
    return row;
  }));
  const first = about.images.findIndex(image => image.state === "todo");
  await open(Math.max(0, first));
  document.body.dataset.ready = "yes";
}

const pictureOf = i => `tabs/${tab}/label/${about.images[i].id}/picture`;

function report(text) { $("error").textContent = text; $("error").hidden = !text; }

// ---- One image ----
async function open(next) {
  if (next < 0 || next >= about.images.length) return;
  if (!await flush()) return;
  delete document.body.dataset.shown;
  const picture = $("picture"), image = about.images[next];
  index = next;
  people = [];
  show();
  hint("Opening …");
  const loaded = new Promise(done => { picture.onload = () => done(true); picture.onerror = () => done(false); });
  picture.src = pictureOf(next);
  try {
    const content = await ask(`/${image.id}`);
    if (index !== next) return; // another one was opened meanwhile
    if (!await loaded) throw new Error(`${image.name}: the image cannot be shown`);
    ({ version, people } = content);
    report("");
  } catch (error) { hint(""); return report(error.message); }
  [person, joint, past, future, isDone, isBlocked] = [0, 0, [], [], image.state === "done", false];
  saved("");
  fit();
  show();
  $("images").children[index].scrollIntoView({ block: "nearest" });
  document.body.dataset.shown = image.name;
}

const snapshot = () => JSON.stringify({ people, isDone, person });
function restore(state) { ({ people, isDone, person } = JSON.parse(state)); changed(); }

function change(edit) {
  const before = snapshot();
  edit();
  if (snapshot() !== before) record(before);
}

function record(before) { past.push(before); future = []; changed(); }

function undo() { if (past.length) { future.push(snapshot()); restore(past.pop()); } }
function redo() { if (future.length) { past.push(snapshot()); restore(future.pop()); } }

// ---- Saving ----
function changed() {
  dirty = true;
  saved("Not saved yet");
  clearTimeout(timer);
  timer = setTimeout(save, SAVE_MS);
  show();
}

function saved(text) { $("saved").textContent = text; }

async function save() {
  clearTimeout(timer);
  if (saving) { await saving; if (!dirty) return; }
  if (isBlocked || !tab || !dirty) return;
  dirty = false;
  saved("Saving …");
  saving = put(index);
  await saving;
  saving = null;
}

async function put(at) {
  const body = { version, is_done: isDone, people: people.map(({ id, keypoints, is_predicted }) =>
    ({ id, is_predicted, keypoints: keypoints.map(([x, y, v]) => v ? [x, y, v] : [0, 0, 0]) })) };
  const sent = people.filter(one => one.keypoints.some(point => point[2]));
  try {
    const answer = await ask(`/${about.images[at].id}`, { method: "PUT", body: JSON.stringify(body) });
    version = answer.version;
    sent.forEach((one, i) => { one.id = answer.ids[i]; });
    about.images[at].state = isDone ? "done" : "todo";
    report("");
    saved(dirty ? "Not saved yet" : "Saved");
    list();
  } catch (error) {
    dirty = true;
    isBlocked = error.status === 409;
    saved("Not saved");
    report(`Not saved: ${error.message}`);
    if (!isBlocked) timer = setTimeout(save, 3000);
  }
}

async function flush() { // true once nothing is left to save
  while (dirty && !isBlocked && tab) { await save(); if (!$("error").hidden) break; }
  if (saving) await saving;
  return !dirty || isBlocked && confirm("The last changes of this image cannot be saved. Leave it anyway?") && !(dirty = false);
}

addEventListener("beforeunload", event => { if (dirty) { save(); event.preventDefault(); } });

// ---- Editing ----
const keypoint = () => people[person]?.keypoints[joint];

function select(number, of = person) { joint = number; person = of; show(); }

function step(by) { if (people.length) select((joint + by + about.joints.length) % about.joints.length); }

function clamp(x, y) {
  const { naturalWidth, naturalHeight } = $("picture");
  return [Math.min(Math.max(x, 0), naturalWidth - 1), Math.min(Math.max(y, 0), naturalHeight - 1)];
}

function place(point, x, y) { [point[0], point[1]] = clamp(x, y); }

function setState(value) {
  const point = keypoint();
  if (!point) return;
  if (value !== ABSENT && !point[0] && !point[1]) return show(); // never placed: click on the image
  change(() => { point[2] = value; });
}

function toggle(value) { if (keypoint()) setState(keypoint()[2] === value ? SEEN : value); }

function swap(pairs) {
  if (people[person]) change(() => {
    const points = people[person].keypoints;
    for (const [a, b] of pairs) [points[a], points[b]] = [points[b], points[a]];
  });
}

function swapPair() { swap(about.pairs.filter(pair => pair.includes(joint))); }

function addPerson() {
  const { naturalWidth: w, naturalHeight: h } = $("picture"), unit = Math.min(w, h) / 28;
  change(() => {
    const keypoints = TEMPLATE.map(([x, y]) => [...clamp(w / 2 + x * unit, h / 2 + y * unit), SEEN]);
    people.push({ id: null, is_predicted: !isDone, scores: null, keypoints });
    person = people.length - 1;
  });
}

function removePerson() { if (people.length) change(() => { people.splice(person, 1); person = Math.max(0, person - 1); }); }

function setDone(value) { change(() => { isDone = value; for (const one of people) one.is_predicted = !value; }); }

async function finish() {
  setDone(true);
  if (await flush() && $("error").hidden) await open(index + 1);
}

// ---- View ----
function fit() {
  const { naturalWidth: w, naturalHeight: h } = $("picture"), { clientWidth, clientHeight } = $("stage");
  view.scale = Math.min(clientWidth / w, clientHeight / h) * 0.96;
  view.x = w / 2 - clientWidth / 2 / view.scale;
  view.y = h / 2 - clientHeight / 2 / view.scale;
  draw();
}

function zoom(factor, clientX, clientY) {
  const stage = $("stage").getBoundingClientRect();
  const [px, py] = clientX === undefined ? [stage.width / 2, stage.height / 2] : [clientX - stage.left, clientY - stage.top];
  const scale = Math.min(Math.max(view.scale * factor, 0.02), 60);
  view.x += px / view.scale - px / scale;
  view.y += py / view.scale - py / scale;
  view.scale = scale;
  draw();
}

// Positions on the stage are from the edge of the image, keypoints from the centre of its first pixel.
const toStage = ([x, y]) => [(x + 0.5 - view.x) * view.scale, (y + 0.5 - view.y) * view.scale];
function toImage(event) {
  const stage = $("stage").getBoundingClientRect();
  return [(event.clientX - stage.left) / view.scale + view.x - 0.5, (event.clientY - stage.top) / view.scale + view.y - 0.5];
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function draw() {
  const picture = $("picture"), { naturalWidth: w, naturalHeight: h } = picture;
  Object.assign(picture.style, { left: `${-view.x * view.scale}px`, top: `${-view.y * view.scale}px`, width: `${w * view.scale}px`, height: `${h * view.scale}px` });
  picture.classList.toggle("pixels", view.scale > 4);
  const order = [...people.keys()].sort((a, b) => (a === person) - (b === person)); // the selected one on top
  $("drawing").replaceChildren(...order.map(drawPerson));
}

function drawPerson(number) {
  const { keypoints, scores } = people[number], isOther = number !== person;
  const group = element("g", { class: isOther ? "other" : "", "data-person": number });
  for (const [a, b, side] of about.limbs) {
    if (!keypoints[a][2] || !keypoints[b][2]) continue;
    const [x1, y1] = toStage(keypoints[a]), [x2, y2] = toStage(keypoints[b]);
    group.append(element("line", { x1, y1, x2, y2, "stroke-width": 2.5, class: side }));
  }
  keypoints.forEach((point, i) => {
    if (!point[2]) return;
    const [cx, cy] = toStage(point), isSelected = !isOther && i === joint;
    const classes = [about.sides[i], point[2] === OCCLUDED ? "occluded" : "", isSelected ? "selected" : "",
      people[number].is_predicted && scores && scores[i] < UNSURE ? "unsure" : ""].filter(Boolean).join(" ");
    const circle = element("circle", { cx, cy, r: isSelected ? 8 : 6, "stroke-width": isSelected || point[2] === OCCLUDED ? 3 : 1.5, class: classes,
      "data-joint": i, "data-person": number });
    circle.append(Object.assign(element("title", {}), { textContent: about.joints[i].replace("_", " ") }));
    group.append(circle);
    if (isSelected) group.append(Object.assign(element("text", { x: cx + 12, y: cy - 9, "stroke-width": 3 }), { textContent: about.joints[i].replace("_", " ") }));
  });
  return group;
}

function hint(text) { $("hint").textContent = text; }

function list() {
  [...$("images").children].forEach((item, i) => {
    const button = item.firstChild;
    button.dataset.state = about.images[i].state;
    button.setAttribute("aria-current", i === index);
  });
  const count = about.images.filter(image => image.state === "done").length;
  $("count").textContent = `${index + 1} of ${about.images.length}, ${count} done`;
}

function show() {
  list();
  $("name").textContent = about.images[index].name;
  $("done").checked = isDone;
  $("previous").disabled = index === 0;
  $("next").disabled = index === about.images.length - 1;
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  $("remove").disabled = $("swap").disabled = !people.length;
  $("people").replaceChildren(...people.map((one, i) => {
    const button = document.createElement("button");
    button.textContent = `Person ${i + 1}${one.is_predicted ? " (predicted)" : ""}`;
    button.setAttribute("aria-pressed", i === person);
    button.onclick = () => select(joint, i);
    return button;
  }));
  [...document.querySelectorAll("#joints tbody tr")].forEach((row, i) => {
    row.classList.toggle("selected", i === joint && people.length > 0);
    const state = people[person]?.keypoints[i][2];
    for (const radio of row.querySelectorAll("input")) { radio.checked = Number(radio.value) === state; radio.disabled = !people.length; }
  });
  const isPlacing = keypoint()?.[2] === ABSENT;
  $("stage").classList.toggle("placing", isPlacing);
  hint(!people.length ? "No person is labelled here. Press N to add one, or Enter if there is none."
    : isPlacing ? `Click on the image to place the ${about.joints[joint].replace("_", " ")}.` : "");
  draw();
}

// ---- Pointer and keys ----
$("stage").addEventListener("pointerdown", event => {
  if (event.button > 1 || !document.body.dataset.shown) return;
  const stage = $("stage"), circle = event.target.closest("circle"), start = { ...view }, before = snapshot();
  stage.focus();
  stage.setPointerCapture(event.pointerId);
  let moved = 0, offset = null;
  if (circle) {
    select(Number(circle.dataset.joint), Number(circle.dataset.person));
    const [x, y] = toImage(event), point = keypoint();
    offset = [point[0] - x, point[1] - y];
  } else stage.classList.add("panning");
  const move = now => {
    moved = Math.max(moved, Math.hypot(now.clientX - event.clientX, now.clientY - event.clientY));
    if (offset && moved >= 1) {
      const [x, y] = toImage(now);
      place(keypoint(), x + offset[0], y + offset[1]);
    } else if (!offset && moved >= CLICK_PX) {
      view.x = start.x - (now.clientX - event.clientX) / view.scale;
      view.y = start.y - (now.clientY - event.clientY) / view.scale;
    }
    draw();
  };
  const end = now => {
    stage.removeEventListener("pointermove", move);
    stage.removeEventListener("pointerup", end);
    stage.removeEventListener("pointercancel", end);
    stage.classList.remove("panning");
    if (offset && moved >= 1) record(before);
    else if (!offset && moved < CLICK_PX && now.type === "pointerup" && keypoint()?.[2] === ABSENT)
      change(() => { place(keypoint(), ...toImage(now)); keypoint()[2] = SEEN; });
  };
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
});
$("stage").addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY); }, { passive: false });
new ResizeObserver(() => { if (index >= 0) draw(); }).observe($("stage"));

const nudge = (x, y) => event => {
  const by = event.shiftKey ? 10 : 1, point = keypoint();
  if (point?.[2]) change(() => place(point, point[0] + x * by, point[1] + y * by));
};
const KEYS = {
  enter: finish, a: () => open(index - 1), d: () => open(index + 1), pageup: () => open(index - 1), pagedown: () => open(index + 1),
  tab: event => step(event.shiftKey ? -1 : 1), o: () => toggle(OCCLUDED), x: () => toggle(ABSENT), delete: () => setState(ABSENT),
  s: event => event.shiftKey ? swapPair() : swap(about.pairs), z: event => event.shiftKey ? redo() : undo(), y: redo, n: addPerson,
  p: () => { if (people.length) select(joint, (person + 1) % people.length); }, h: () => $("drawing").classList.add("hidden"),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit,
  arrowleft: nudge(-1, 0), arrowright: nudge(1, 0), arrowup: nudge(0, -1), arrowdown: nudge(0, 1),
};

addEventListener("keydown", event => {
  const key = event.key.toLowerCase(), isUndo = key === "z" || key === "y";
  if (!document.body.dataset.shown || event.altKey || (event.ctrlKey || event.metaKey) && !isUndo) return;
  if (event.target.closest("button, summary, nav") && (key === "enter" || key === "tab" || key === " ")) return; // of the focused control
  if (!Object.hasOwn(KEYS, key)) return;
  event.preventDefault();
  KEYS[key](event);
});
addEventListener("keyup", event => { if (event.key.toLowerCase() === "h") $("drawing").classList.remove("hidden"); });
const buttons = { previous: () => open(index - 1), next: () => open(index + 1), finish, add: addPerson, remove: removePerson, undo, redo, swap: () => swap(about.pairs) };
for (const [id, act] of Object.entries(buttons)) $(id).onclick = () => { act(); $("stage").focus(); };
$("done").onchange = () => { setDone($("done").checked); $("stage").focus(); };

connect();
