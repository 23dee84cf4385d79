"use strict";

const KEYS = {ArrowLeft: 0, "1": 0, ArrowRight: 1, "2": 1};
const CHOICES = {real: "Real", fake: "Made by a computer", left: "Left", right: "Right"};
const CROSS_MILLISECONDS = 400;
const LARGEST_SMALL_PICTURE = 128;
const element = (id) => document.getElementById(id);

let study, rater, trial;
let looking = {answerable: false};  // The trial on the screen: its images, since when, and how long they were visible.
let retry = null;

// === Talking to the server ===

async function ask(path, content) {
  const options = content && {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(content),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not respond. Your answers so far have been saved. Restart the server, then try again.");
  }
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), {status: response.status});
  return answer;
}

// Performs an action that may fail. A failure is shown, and the action can be tried again.
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    retry = action;
    element("what").textContent = error.message;
    show("trouble");
    element("again").focus();
  }
}

function tryAgain() {
  const action = retry;
  retry = null;
  if (action) attempt(action);
}

// === Screens ===

function show(name) {
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== name;
}

function isPair() {
  return study.question !== "real-or-fake";
}

async function start() {
  study = await ask("/api/study");
  for (const prompt of document.querySelectorAll(".prompt")) prompt.textContent = study.prompt;
  const pictures = isPair() ? "pairs of pictures" : "pictures";
  const time = study.display_milliseconds;
  element("how").textContent = `You will see ${study.num_trials} ${pictures}. ` + (time
    ? `Press the space bar to see each one for ${time / 1000} seconds, then answer. A guess is fine.`
    : "Take as long as you like before you answer. If you cannot tell, guess.");
  const keys = study.choices.map((choice, index) => [CHOICES[choice], keyOf(index)]);
  if (time) keys.unshift(["Show the next one", "Space"]);
  element("keys-told").replaceChildren(...keys.map(([text, key]) => {
    const item = document.createElement("li");
    item.append(`${text} `, keyboardKey(key));
    return item;
  }));
  element("choices").replaceChildren(...study.choices.map((choice, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.choice = choice;
    button.append(`${CHOICES[choice]} `, keyboardKey(keyOf(index)));
    button.addEventListener("click", () => choose(index));
    return button;
  }));
  element("name").value = sessionStorage.getItem("rater") || "";
  show("start");
  element("name").focus();
}

function keyOf(index) {
  return index ? "→" : "←";
}

function keyboardKey(text) {
  const key = document.createElement("kbd");
  key.textContent = text;
  return key;
}

// === A trial ===

async function present(next) {
  trial = next;
  if (trial.done) {
    show("done");
    document.querySelector("#done h1").focus();
    return;
  }
  const images = await Promise.all(trial.pictures.map(load));
  element("bar").max = trial.num_trials;
  element("bar").value = trial.trial;
  element("count").textContent = `${trial.trial + 1} of ${trial.num_trials}`;
  element("pictures").className = isPair() ? "pair" : "";
  element("pictures").replaceChildren(...images.map((image, index) => {
    const stage = document.createElement("div");
    stage.className = "stage";
    image.alt = isPair() ? `${CHOICES[study.choices[index]]} picture` : "The picture to judge";
    stage.append(image, cross());
    if (study.has_sounds) stage.append(player(trial.pictures[index]));
    stage.addEventListener("click", () => looking.waiting ? glance() : isPair() && choose(index));
    return stage;
  }));
  show("trial");
  images.forEach(enlarge);
  const waiting = study.display_milliseconds !== null;
  looking = {images, waiting, since: performance.now()};
  reveal(!waiting);
  allow(!waiting);
  tell(waiting ? "Press the space bar, or click, to look." : "");
}

async function load(name) {
  const image = new Image();
  image.src = `/pictures/${name}.png`;
  try {
    await image.decode();
  } catch {
    throw new Error("A picture could not be loaded. Your answers so far have been saved.");
  }
  return image;
}

// What a spectrogram sounds like. To listen is not to choose.
function player(name) {
  const sound = document.createElement("audio");
  sound.controls = true;
  sound.src = `/pictures/${name}.wav`;
  sound.addEventListener("click", (event) => event.stopPropagation());
  return sound;
}

// Enlarges small pictures by a whole factor, so that each pixel is a square.
function enlarge(image) {
  const room = image.parentElement.clientWidth;
  const factor = room / Math.max(image.naturalWidth, image.naturalHeight);
  image.classList.toggle("small", image.naturalWidth <= LARGEST_SMALL_PICTURE);
  image.width = image.naturalWidth * (factor >= 1 ? Math.floor(factor) : factor);
}

function cross() {
  const mark = document.createElement("span");
  mark.className = "cross";
  mark.textContent = "+";
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

function reveal(visible) {
  for (const image of looking.images) {
    image.style.visibility = visible ? "visible" : "hidden";
    image.nextSibling.hidden = visible;
  }
}

function allow(answerable) {
  looking.answerable = answerable;
  for (const button of element("choices").children) {
    button.disabled = !answerable;
    button.classList.remove("chosen");
  }
}

function tell(text) {
  element("hint").textContent = text;
}

// Shows the pictures for the study's time, counted in frames of the screen, then covers them with noise.
function glance() {
  const now = looking;
  now.waiting = false;
  tell("");
  setTimeout(() => requestAnimationFrame((begin) => {
    reveal(true);
    now.since = begin;
    const frame = (time) => {
      if (time - begin < study.display_milliseconds - 4) return requestAnimationFrame(frame);
      for (const image of now.images) cover(image);
      now.shown = time - begin;
      tell("Your answer?");
      allow(true);
    };
    requestAnimationFrame(frame);
  }), CROSS_MILLISECONDS);
}

function cover(image) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 24;
  canvas.style.width = `${image.width}px`;
  canvas.style.imageRendering = "pixelated";
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d"), noise = context.createImageData(24, 24);
  for (let i = 0; i < noise.data.length; i++) noise.data[i] = i % 4 === 3 ? 255 : 256 * Math.random();
  context.putImageData(noise, 0, 0);
  image.replaceWith(canvas);
}

function choose(index) {
  if (!looking.answerable) return;
  const answer = {
    rater, trial: trial.trial, choice: study.choices[index],
    milliseconds: performance.now() - looking.since, shown_milliseconds: looking.shown ?? null,
  };
  allow(false);
  element("choices").children[index].classList.add("chosen");
  attempt(() => send(answer));
}

async function send(answer) {
  let next;
  try {
    next = await ask("/api/answers", answer);
  } catch (error) {
    if (error.status !== 409) throw error;
    next = await ask(`/api/trial?rater=${encodeURIComponent(rater)}`);  // Answered elsewhere: continue from there.
  }
  await present(next);
}

// === Keys and buttons ===

element("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const next = await ask(`/api/trial?rater=${encodeURIComponent(element("name").value)}`);
    rater = next.rater;
    sessionStorage.setItem("rater", rater);
    document.activeElement.blur();
    await present(next);
  });
});
element("again").addEventListener("click", tryAgain);
element("other").addEventListener("click", () => {
  sessionStorage.removeItem("rater");
  attempt(start);
});
document.addEventListener("keydown", (event) => {
  if (element("trial").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && looking.waiting) {
    event.preventDefault();
    glance();
    return;
  }
  const letter = study.choices.findIndex((choice) => choice[0] === event.key);  // As in "real" and "fake".
  const index = KEYS[event.key] ?? letter;
  if (index >= 0) {
    event.preventDefault();
    choose(index);
  }
});
window.addEventListener("resize", () => looking.images?.filter((image) => image.isConnected).forEach(enlarge));

attempt(start);
