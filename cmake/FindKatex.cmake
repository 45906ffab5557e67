# Debian's KaTeX (libjs-katex): KATEX_FOLDER, where katex.min.js lies with its style and fonts. It is
# data, the same for every machine that is built for.
find_path(KATEX_FOLDER katex.min.js PATHS /usr/share/javascript/katex REQUIRED
  NO_CMAKE_FIND_ROOT_PATH)
