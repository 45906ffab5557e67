// Before the first paint: the theme that was chosen, so that nobody is flashed with the other one.
// Not a module, modules come too late.
try {
  const { theme } = JSON.parse(localStorage.getItem("hearth-settings") ?? "{}");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // a browser that keeps nothing, or a broken entry: the system's theme
}
