// Runs before anything is painted: theme, root of the site, then the app; and the bar for when the app has died.
(() => {
  const script = document.currentScript;
  const html = document.documentElement;
  // The page finds the API from here, whatever folder a proxy has put it under.
  html.dataset.root = new URL(script.dataset.root, location.href).pathname;

  // A browser looks for the icon again whenever the address changes.
  const icon = document.querySelector("link[rel=icon]");
  icon.href = icon.href;

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("emboflow.theme");
    } catch {
      return null; // Storage may be switched off; the system's choice holds then.
    }
  };
  const paint = () => {
    const theme = chosen();
    html.dataset.theme = theme === "light" || theme === "dark" ? theme : dark.matches ? "dark" : "light";
  };
  paint();
  dark.addEventListener("change", paint);
  addEventListener("emboflow-theme", paint);

  let dead = false;
  const died = (reason) => {
    if (dead) return;
    dead = true;
    const show = () => {
      document.getElementById("reload-reason").textContent = reason;
      document.getElementById("reload-bar").hidden = false;
      document.getElementById("reload-button").addEventListener("click", () => location.reload());
      html.dataset.dead = "true";
    };
    if (document.body) show();
    else addEventListener("DOMContentLoaded", show);
  };
  addEventListener("emboflow-panic", (event) => {
    died("The page has stopped working and shows old data. Runs go on unharmed. " + String(event.detail).slice(0, 300));
  });
  addEventListener("error", (event) => {
    if (event.error instanceof WebAssembly.RuntimeError) died("The page has stopped working and shows old data. Runs go on unharmed.");
  });

  const assets = new URL(".", script.src);
  const load = async (name) => {
    const module = await import(new URL(`${name}.js`, assets).href);
    await module.default({ module_or_path: new URL(`${name}_bg.wasm`, assets) });
    return module;
  };

  // What reads workflow files is loaded with the first of them; after a failure it is tried again.
  let reader;
  globalThis.emboflowReader = () => {
    reader ??= load("reader").catch((error) => {
      reader = undefined;
      throw error;
    });
    return reader;
  };

  addEventListener("DOMContentLoaded", async () => {
    try {
      await load("app");
    } catch (error) {
      died("The page could not start: " + String(error).slice(0, 300));
    }
  });
})();
