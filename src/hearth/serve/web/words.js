// What the page says, in English and Chinese. words("tokens", {n: 3}) fills in {n}.

const ENGLISH = {
  name: "English",
  skip: "Skip to the message box",
  conversations: "Conversations",
  newChat: "New chat",
  search: "Search conversations",
  noConversations: "Your conversations will be kept here, in this browser.",
  nothingFound: "Nothing found.",
  openSidebar: "Open conversations",
  closeSidebar: "Close conversations",
  rename: "Rename",
  remove: "Delete",
  removed: "“{title}” was deleted.",
  undo: "Undo",
  untitled: "New chat",
  title: "Title",
  model: "Model",
  settings: "Settings",
  files: "Export and import",
  exportMarkdown: "This conversation as Markdown",
  exportJson: "This conversation as JSON",
  exportAll: "All conversations as JSON",
  importFiles: "Import JSON or Markdown…",
  detect: "Check a text for the watermark",
  detectText: "The text, without the model’s thought",
  detectHint: "Only this server’s own watermark can be found. The longer the text, the surer the answer.",
  detectAsk: "Check",
  watermarked: "Watermarked by {source}: p ≤ {p}, {n} tokens scored.",
  notWatermarked: "No watermark found: p ≤ {p}, {n} tokens scored. That doesn’t show that a person wrote it.",
  imported: "{n} conversations imported.",
  importFailed: "{file} could not be imported: {why}",
  notOurs: "this is no file that Hearth exported",
  tooLarge: "it is larger than 64 MB",
  welcome: "What would you like to think about?",
  welcomeMore: "Answers are computed on the machine that serves this page. Nothing is sent elsewhere.",
  message: "Message",
  placeholder: "Ask anything",
  hint: "Enter sends, Shift+Enter starts a new line",
  send: "Send",
  stop: "Stop",
  toEnd: "Scroll to the end",
  thread: "Conversation",
  you: "You",
  assistant: "Answer",
  thinking: "Thinking…",
  thinkingFor: "Thinking… {time}",
  thought: "Thought for {time}",
  thoughtUntimed: "Thought",
  thoughtTokens: "Thought for {time} · {n} tokens",
  waiting: "Waiting for the first word…",
  answering: "Answering",
  done: "The answer is complete.",
  stoppedNow: "Stopped.",
  stopped: "stopped",
  cut: "cut at the length limit",
  generated: "AI-generated content",
  tokens: "{n} tokens",
  speed: "{n} tokens/s",
  firstToken: "first after {time}",
  copy: "Copy",
  copied: "Copied",
  code: "code",
  picture: "picture",
  edit: "Edit",
  save: "Send edited",
  cancel: "Cancel",
  regenerate: "Regenerate",
  retry: "Try again",
  branch: "{n} of {all}",
  earlier: "Previous version",
  later: "Next version",
  close: "Close",
  sampling: "Sampling",
  samplingHint: "Empty fields leave it to the model.",
  temperature: "Temperature",
  topP: "Top p",
  topK: "Top k",
  minP: "Min p",
  maxTokens: "Most tokens",
  thinkingBudget: "Most of them thinking",
  seed: "Seed",
  system: "System prompt",
  systemHint: "Said before each conversation. R1 works best without one.",
  access: "API key",
  keyHint: "Only if this server asks for keys. Kept until this tab is closed, and never stored on disk.",
  appearance: "Appearance",
  theme: "Theme",
  themeSystem: "As the system",
  themeLight: "Light",
  themeDark: "Dark",
  language: "Language",
  languageSystem: "As the browser",
  stored: "Conversations stay in this browser.",
  sendOnEnter: "Enter sends the message",
  noModel: "no model",
  need401: "This server asks for an API key, and the one given (if any) is not known to it.",
  enterKey: "Enter a key",
  need403: "The server refused: {why}",
  need404: "The server does not know this: {why}",
  need429: "The limit of this API key is used up.",
  need503: "The server is busy or shutting down.",
  again: "Try again in {n} s.",
  needNetwork: "The server can't be reached. Is it running, and is the network there?",
  needCut: "The connection was lost in the middle of the answer.",
  needOther: "The server answered {status}: {why}",
  ignored: "The server ignored: {names}.",
  quota: "The browser has no room left: this conversation is not saved. Export or delete some.",
  noStore: "The browser keeps nothing for this page: conversations end with the tab.",
  seconds: "{n} s",
  minutes: "{m} min {n} s",
};

const CHINESE = {
  name: "中文",
  skip: "跳到输入框",
  conversations: "对话",
  newChat: "新对话",
  search: "搜索对话",
  noConversations: "您的对话会保存在这个浏览器里。",
  nothingFound: "没有找到。",
  openSidebar: "打开对话列表",
  closeSidebar: "关闭对话列表",
  rename: "重命名",
  remove: "删除",
  removed: "已删除“{title}”。",
  undo: "撤销",
  untitled: "新对话",
  title: "标题",
  model: "模型",
  settings: "设置",
  files: "导出与导入",
  exportMarkdown: "导出此对话（Markdown）",
  exportJson: "导出此对话（JSON）",
  exportAll: "导出全部对话（JSON）",
  importFiles: "导入 JSON 或 Markdown…",
  detect: "检测文本水印",
  detectText: "待检测的文本（不含思考过程）",
  detectHint: "只能检测本服务器自己的水印。文本越长，结论越可靠。",
  detectAsk: "检测",
  watermarked: "带有水印，来源 {source}：p ≤ {p}，{n} 个词元参与计分。",
  notWatermarked: "未发现水印：p ≤ {p}，{n} 个词元参与计分。这并不能证明文本由人撰写。",
  imported: "已导入 {n} 个对话。",
  importFailed: "无法导入 {file}：{why}",
  notOurs: "这不是 Hearth 导出的文件",
  tooLarge: "文件大于 64 MB",
  welcome: "今天想思考些什么？",
  welcomeMore: "回答由提供此页面的机器计算，不会发送到别处。",
  message: "消息",
  placeholder: "请输入问题",
  hint: "Enter 发送，Shift+Enter 换行",
  send: "发送",
  stop: "停止",
  toEnd: "滚动到末尾",
  thread: "对话内容",
  you: "您",
  assistant: "回答",
  thinking: "正在思考…",
  thinkingFor: "正在思考… {time}",
  thought: "思考了 {time}",
  thoughtUntimed: "思考过程",
  thoughtTokens: "思考了 {time} · {n} 个词元",
  waiting: "等待第一个词…",
  answering: "正在回答",
  done: "回答完毕。",
  stoppedNow: "已停止。",
  stopped: "已停止",
  cut: "达到长度上限",
  generated: "本内容由人工智能（AI）生成",
  tokens: "{n} 个词元",
  speed: "每秒 {n} 个词元",
  firstToken: "首个词元 {time}",
  copy: "复制",
  copied: "已复制",
  code: "代码",
  picture: "图片",
  edit: "编辑",
  save: "发送修改",
  cancel: "取消",
  regenerate: "重新生成",
  retry: "重试",
  branch: "{n} / {all}",
  earlier: "上一版本",
  later: "下一版本",
  close: "关闭",
  sampling: "采样",
  samplingHint: "留空则使用模型自己的设置。",
  temperature: "温度",
  topP: "Top p",
  topK: "Top k",
  minP: "Min p",
  maxTokens: "最多词元数",
  thinkingBudget: "其中思考最多",
  seed: "随机种子",
  system: "系统提示",
  systemHint: "放在每个对话之前。R1 不带系统提示效果最好。",
  access: "API 密钥",
  keyHint: "仅在服务器要求密钥时填写。只保留到关闭此标签页，不写入磁盘。",
  appearance: "外观",
  theme: "主题",
  themeSystem: "跟随系统",
  themeLight: "浅色",
  themeDark: "深色",
  language: "语言",
  languageSystem: "跟随浏览器",
  stored: "对话只保存在这个浏览器里。",
  sendOnEnter: "按 Enter 发送",
  noModel: "没有模型",
  need401: "服务器要求 API 密钥；没有填写，或填写的密钥不被认可。",
  enterKey: "填写密钥",
  need403: "服务器拒绝了请求：{why}",
  need404: "服务器不认识：{why}",
  need429: "此 API 密钥的额度已用完。",
  need503: "服务器正忙，或正在关闭。",
  again: "请在 {n} 秒后重试。",
  needNetwork: "无法连接服务器。它在运行吗？网络正常吗？",
  needCut: "回答中途连接断开了。",
  needOther: "服务器返回 {status}：{why}",
  ignored: "服务器忽略了：{names}。",
  quota: "浏览器存储空间已满，此对话没有保存。请导出或删除一些对话。",
  noStore: "浏览器不为此页面保存数据：关闭标签页后对话即消失。",
  seconds: "{n} 秒",
  minutes: "{m} 分 {n} 秒",
};

export const LANGUAGES = { en: ENGLISH, zh: CHINESE };
let language = "en";

// "en", "zh", or "" for the browser's own.
export function speak(chosen) {
  const wanted = chosen || navigator.languages.find((name) => LANGUAGES[name.slice(0, 2)]) || "en";
  language = wanted.slice(0, 2);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-words]")) {
    node.textContent = words(node.dataset.words);
  }
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", words(node.dataset.label));
    node.title = words(node.dataset.label);
  }
  for (const node of document.querySelectorAll("[data-placeholder]")) {
    node.placeholder = words(node.dataset.placeholder);
  }
}

export function words(key, values = {}) {
  return LANGUAGES[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// "8.4 s", "74 s", "3 min 20 s"
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return words("seconds", { n: seconds.toFixed(1) });
  if (seconds < 120) return words("seconds", { n: Math.round(seconds) });
  const whole = Math.round(seconds);
  return words("minutes", { m: Math.floor(whole / 60), n: whole % 60 });
}

const localeName = () => (language === "zh" ? "zh-CN" : "en");

// Two digits that count: an answer costs a small part of a cent.
export function price(cost, currency) {
  const locale = localeName();
  const digits = { maximumSignificantDigits: 2 };
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency, ...digits }).format(cost);
  } catch { // no name of a currency
    return `${new Intl.NumberFormat(locale, digits).format(cost)} ${currency}`.trim();
  }
}

export function count(number) {
  return new Intl.NumberFormat(localeName()).format(number);
}
