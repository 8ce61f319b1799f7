// Live figures: what the server sends takes the place of what it sent before, until paused.
(() => {
  const place = document.querySelector("[data-stream]");
  const button = document.querySelector("[data-pause]");
  if (!place || !button || !window.EventSource) return;
  let source = null;
  const start = () => {
    source = new EventSource(place.dataset.stream);
    source.addEventListener("figures", (event) => { place.innerHTML = event.data; });
    // A browser does not come back by itself where it was answered that there are too many.
    source.addEventListener("error", (event) => {
      if (event.target.readyState === EventSource.CLOSED) {
        setTimeout(() => { if (source === event.target) start(); }, 15000);
      }
    });
  };
  const stop = () => { source.close(); source = null; };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (source) stop(); else start();
    button.textContent = source ? button.dataset.pause : button.dataset.goOn;
  });
  start();
  window.addEventListener("pagehide", () => { if (source) stop(); });
})();
