// A button that copies the text of its model.
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // pages without https have no clipboard
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.appendChild(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "jupyter-widgets jupyter-button widget-button iexec-lab-copy";
    button.title = "Copy this line";
    const say = (text) => { button.textContent = text; };
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    told.className = "iexec-lab-unseen";
    say("Copy");
    let timer;
    button.addEventListener("click", async () => {
      let word = "Copied";
      try { await copy(model.get("text")); } catch { word = "Select it"; }
      say(word);
      told.textContent = word;
      clearTimeout(timer);
      timer = setTimeout(() => { say("Copy"); told.textContent = ""; }, 2000);
    });
    el.append(button, told);
    return () => clearTimeout(timer);
  },
};
