// Every word of the page in both languages, and which of the two is spoken.

/** @typedef {'en' | 'zh'} Language */

/** @type {Record<string, [string, string]>} English, Chinese. */
const WORDS = {
  title: ['Langfuse stand-in', 'Langfuse 模拟服务'],
  server: ['plays {release}, {mode}', '模拟 {release}，{mode}'],
  traces: ['Traces', 'Trace 列表'],
  trace: ['Trace', 'Trace'],
  search: ['Search, or user: model: tag:', '搜索，或 user: model: tag:'],
  searchName: ['Search the traces', '搜索 Trace'],
  searchHint: ['Words must all be there. One field alone: user: session: model: name: tag: env: type: level: id:', '所有词都须匹配。只查某个字段：user: session: model: name: tag: env: type: level: id:'],
  level: ['Level', '级别'],
  levelAll: ['All levels', '全部级别'],
  levelWarning: ['Warnings and errors', '警告和错误'],
  levelError: ['Errors', '错误'],
  count: ['{found} of {total} traces', '共 {total} 条，匹配 {found} 条'],
  countOne: ['1 trace', '共 1 条 Trace'],
  countAll: ['{total} traces', '共 {total} 条 Trace'],
  nothingYet: ['Nothing has arrived yet', '还没有收到数据'],
  nothingYetHint: ['Send something to this address with the keys that the command printed. It appears here at once.', '用命令打印的密钥向本地址发送数据，数据会立即显示在这里。'],
  nothingFound: ['No trace has all of that', '没有符合条件的 Trace'],
  nothingFoundHint: ['Escape in the search field clears it.', '在搜索框中按 Esc 可清空。'],
  unopened: ['Choose a trace', '请选择一条 Trace'],
  unopenedHint: ['j and k move, Enter opens, ? shows every key.', 'j、k 移动，Enter 打开，? 显示全部按键。'],
  notFound: ['This trace is not here', '这里没有这条 Trace'],
  notFoundHint: ['It was forgotten, or never arrived at this address.', '它已被清除，或从未到达本地址。'],
  live: ['live', '实时'],
  gone: ['The stand-in does not answer', '模拟服务没有应答'],
  lost: ['{count} lost', '丢失 {count} 项'],
  lostTitle: ['Accepted, and then lost', '已接受但随后丢失'],
  lostHint: ['The server answers with success and then drops these without a word. Langfuse does the same.', '服务器返回成功，随后悄悄丢弃以下内容；真正的 Langfuse 也是如此。'],
  lostReason: ['Reason', '原因'],
  lostWhat: ['What', '对象'],
  lostCount: ['Observations', 'Observation 数'],
  language: ['中文', 'English'],
  languageName: ['Switch to Chinese (中文)', '切换到英文 (English)'],
  themeAuto: ['Theme: system', '主题：跟随系统'],
  themeLight: ['Theme: light', '主题：浅色'],
  themeDark: ['Theme: dark', '主题：深色'],
  help: ['Keys', '按键说明'],
  close: ['Close', '关闭'],
  back: ['Back to the list', '返回列表'],
  keysMove: ['move', '移动'],
  keysEnds: ['first, last', '首条、末条'],
  keysOpen: ['open; from the tree on to the texts', '打开；在树中则转到正文'],
  keysBack: ['back: texts, tree, list', '返回：正文、树、列表'],
  keysFold: ['fold and unfold in the tree', '在树中折叠、展开'],
  keysTabs: ['messages, metadata, as sent', '消息、元数据、原始数据'],
  keysAll: ['show all of a long text', '显示长文本全文'],
  keysSearch: ['search', '搜索'],
  keysTheme: ['theme', '主题'],
  keysLanguage: ['language', '语言'],
  keysHelp: ['this list', '本说明'],
  user: ['User', '用户'],
  session: ['Session', '会话'],
  tags: ['Tags', '标签'],
  environment: ['Environment', '环境'],
  model: ['Model', '模型'],
  cost: ['Cost', '费用'],
  tokens: ['Tokens', 'Token'],
  bucket: ['Kind', '类别'],
  start: ['Start', '开始'],
  end: ['End', '结束'],
  duration: ['Duration', '耗时'],
  firstToken: ['First token', '首 Token'],
  unknown: ['unknown', '未知'],
  none: ['none', '无'],
  release: ['Release', '发布版本'],
  version: ['Version', '版本'],
  public: ['Public', '公开'],
  yes: ['yes', '是'],
  prompt: ['Prompt', '提示词'],
  parameters: ['Parameters', '参数'],
  arrivals: ['arrived {count} times', '到达 {count} 次'],
  observations: ['{count} observations', '{count} 条 Observation'],
  observationOne: ['1 observation', '1 条 Observation'],
  observationTitle: ['Observation', 'Observation'],
  tree: ['Observations by time', 'Observation 与时间线'],
  wholeTrace: ['Trace', 'Trace'],
  tabMessages: ['Messages', '消息'],
  tabMetadata: ['Metadata', '元数据'],
  tabRaw: ['As sent', '原始数据'],
  input: ['Input', '输入'],
  output: ['Output', '输出'],
  noInput: ['Nothing was stored as input.', '没有存储输入。'],
  noOutput: ['Nothing was stored as output.', '没有存储输出。'],
  noMetadata: ['No metadata.', '没有元数据。'],
  noRaw: ['What was sent is not kept here.', '这里没有保留发送的原始数据。'],
  key: ['Key', '键'],
  type: ['Type', '类型'],
  value: ['Value', '值'],
  attributes: ['Attributes', '属性'],
  resource: ['Resource', '资源'],
  scope: ['Scope', '作用域'],
  span: ['Span', 'Span'],
  event: ['Event', '事件'],
  copy: ['Copy', '复制'],
  copied: ['Copied', '已复制'],
  showAll: ['Show all ({size})', '显示全部（{size}）'],
  showLess: ['Show less', '收起'],
  moreMessages: ['{count} more messages', '另有 {count} 条消息'],
  reasoning: ['Reasoning', '推理过程'],
  toolCall: ['calls', '调用'],
  toolResult: ['result', '结果'],
  image: ['Image, not loaded', '图片（未加载）'],
  audio: ['Audio, not loaded', '音频（未加载）'],
  file: ['File, not loaded', '文件（未加载）'],
  text: ['Text', '文本'],
  json: ['JSON', 'JSON'],
  cut: ['Something was cut', '内容被截断'],
  roleSystem: ['system', '系统'],
  roleDeveloper: ['developer', '开发者'],
  roleUser: ['user', '用户'],
  roleAssistant: ['assistant', '助手'],
  roleTool: ['tool', '工具'],
  loading: ['Loading …', '加载中…'],
  failed: ['This could not be loaded.', '加载失败。'],
};

/** @type {Record<string, [string, string]>} What the reasons of losses mean. */
const LOSSES = {
  attribute_without_value: ['An attribute without a value: the whole request is lost', '属性没有值：整个请求丢失'],
  malformed: ['A malformed span or list: the whole request is lost', 'Span 或列表格式错误：整个请求丢失'],
  completion_start_time: ['Completion start without a zone, or not a text', 'completion start 没有时区或不是文本'],
  prompt_link: ['Prompt name alone, or prompt version as text', '只有提示词名称，或版本是文本'],
  status_message: ['Status message is not a text', '状态消息不是文本'],
  version: ['Version is not a text', '版本不是文本'],
  name: ['Name is not a text', '名称不是文本'],
  empty_span_id: ['Span id is empty', 'Span ID 为空'],
  level: ['Level in another spelling', '级别写法不符'],
  environment: ['Unsuitable environment name', '环境名称不合规'],
  usage: ['A usage object with a value that is no count', '用量中有非计数值'],
  trace_row: ['The trace row only: name too long or not a text, or version not a text', '仅 Trace 行：名称过长或不是文本，或版本不是文本'],
  trace_input_output: ['Trace input or output, which these tables do not keep', 'Trace 的输入或输出，这些表不保留'],
  trace_without_id: ['A trace without an id', '没有 ID 的 Trace'],
};

/** @type {Language} */
let spoken = 'en';

export const language = () => spoken;

/** @param {Language} chosen */
export function speak(chosen) {
  spoken = chosen;
  document.documentElement.lang = chosen === 'zh' ? 'zh-CN' : 'en';
}

/** @param {readonly string[]} preferred languages of the browser, the dearest first */
export const suited = (preferred) => (/^zh\b/i.test(preferred[0] ?? '') ? 'zh' : 'en');

/**
 * A word in the language that is spoken, its places filled in.
 * @param {string} key
 * @param {Record<string, unknown>} [places]
 */
export function word(key, places = {}) {
  const both = WORDS[key];
  if (!both) throw new Error(`no word for ${key}`);
  return both[spoken === 'zh' ? 1 : 0].replace(/\{(\w+)\}/g, (_, place) => String(places[place] ?? ''));
}

/** @param {string} reason */
export const lossWord = (reason) => LOSSES[reason]?.[spoken === 'zh' ? 1 : 0] ?? reason;

/** Puts the words into elements that name theirs. */
export function putWords() {
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = word(element.getAttribute('data-word') ?? '');
}
