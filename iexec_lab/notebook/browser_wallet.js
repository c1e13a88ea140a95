// The page's half of browser_wallet.py: exactly one page takes each request, and asks its wallet once.
const announced = new Map();
addEventListener("eip6963:announceProvider", ({ detail }) => announced.set(detail.info.uuid, detail.provider));

const page = crypto.randomUUID();
let tab = page; // the same after the tab was loaded anew
try {
  tab = sessionStorage.iexecLabTab ??= page;
} catch {
  // A frame without storage.
}

const ask = async ({ method, params }) => {
  const wallet = announced.values().next().value ?? window.ethereum;
  if (!wallet) return { error: { code: 4900, message: "This browser has no wallet" } };
  try {
    return { result: await wallet.request({ method, params }) };
  } catch (error) {
    return { error: { code: error?.code ?? -32603, message: String(error?.message ?? error) } };
  }
};

function initialize({ model }) {
  dispatchEvent(new Event("eip6963:requestProvider"));
  const begun = new Set();
  const look = async () => {
    const asked = model.get("asked");
    if (!asked?.id) return;
    const step = `${asked.id} ${asked.page ?? ""}`;
    if (begun.has(step)) return;
    begun.add(step);
    if (!asked.page) model.send({ kind: "claim", id: asked.id, tab, page });
    else if (asked.page === page) model.send({ kind: "reply", id: asked.id, ...(await ask(asked)) });
  };
  model.on("change:asked", look);
  model.send({ kind: "hello", tab, page });
  look();
  return () => model.off("change:asked", look);
}

export default { initialize };
