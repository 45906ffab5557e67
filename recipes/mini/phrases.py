"""English, Chinese and bare phrasings of problems, and the small talk of the mini model.

Frames hold `{e}` for an expression, expressions hold `{a}` and `{b}`. Small talk is a list of
(questions, thought, reply); the replies are honest about what the model can do.
"""

from __future__ import annotations

SYMBOLS: dict[str, list[str]] = {
    "add": ["+", "+", "+", "＋"],
    "sub": ["-", "-", "-", "−", "–"],
    "mul": ["*", "*", "×", "×", "x", "x", "X"],
}

WORDS_EN: dict[str, list[str]] = {
    "add": ["{a} plus {b}", "the sum of {a} and {b}", "{a} added to {b}", "{a} plus {b}"],
    "sub": ["{a} minus {b}", "{b} subtracted from {a}", "{a} take away {b}", "{a} minus {b}"],
    "mul": ["{a} times {b}", "the product of {a} and {b}", "{a} multiplied by {b}",
            "{a} times {b}"],
}

WORDS_ZH: dict[str, list[str]] = {
    "add": ["{a}加{b}", "{a}加上{b}", "{a}与{b}的和", "{a}和{b}的和", "{a} 加 {b}"],
    "sub": ["{a}减{b}", "{a}减去{b}", "{a}与{b}的差", "从{a}里减去{b}", "{a} 减 {b}"],
    "mul": ["{a}乘{b}", "{a}乘以{b}", "{a}与{b}的积", "{a}和{b}的乘积", "{a} 乘以 {b}"],
}

ORDERS_EN: dict[str, list[str]] = {
    "add": ["Add {a} and {b}", "Add {a} to {b}", "add {a} and {b}"],
    "sub": ["Subtract {b} from {a}", "Take {b} away from {a}", "subtract {b} from {a}"],
    "mul": ["Multiply {a} by {b}", "Multiply {a} and {b}", "multiply {a} by {b}"],
}

BARE_ENDS = ["", "", "=", "=?", "=?", " =", " = ?", "?", " ?", "=？", "？"]

FRAMES_EN = [
    "What is {e}?", "What's {e}?", "what is {e}", "What is {e}", "what is {e}?", "{e}",
    "Calculate {e}", "Calculate {e}.", "calculate {e}", "Compute {e}", "Compute {e}.",
    "compute {e}", "Please calculate {e}.", "Please compute {e}", "Please compute {e}.",
    "How much is {e}?", "how much is {e}", "Tell me {e}.", "Can you compute {e}?",
    "Could you calculate {e}?", "Can you tell me what {e} is?", "Find {e}.", "Evaluate {e}",
    "Evaluate {e}.", "Solve {e}", "Solve {e}.", "Solve: {e}", "Work out {e}.",
    "I need to know {e}.", "What does {e} equal?", "What do you get for {e}?",
    "{e} equals what?", "{e} is what?", "{e} equals?", "Give me {e}.", "Help me with {e}.",
    "What is the result of {e}?", "What is the value of {e}?", "What's the answer to {e}?",
    "Do you know {e}?", "Hi, what is {e}?", "Hello, please compute {e}.",
    "Quick question: {e}?", "Question: {e}", "I want to know {e}.", "Let's compute {e}.",
    "Answer this: {e}", "{e}, please.", "What would {e} be?", "Show me {e} step by step.",
    "Please solve {e} for me.", "Think step by step: {e}", "What is {e} equal to?",
]

FRAMES_ZH = [
    "计算{e}", "计算 {e}", "计算：{e}", "请计算{e}", "请计算{e}。", "请计算 {e}", "计算{e}。",
    "{e}等于多少?", "{e}等于多少？", "{e} 等于多少？", "{e}等于多少", "{e}是多少?",
    "{e}是多少？", "{e}等于几？", "{e}得多少？", "{e}的结果是多少？", "{e}的结果是什么？",
    "算一下{e}", "算一下 {e}", "帮我算{e}", "帮我算一下{e}", "帮我计算{e}。",
    "请问{e}等于多少？", "请问{e}是多少？", "请问 {e} 等于多少？", "求{e}", "求{e}。",
    "求{e}的值", "你好，{e}等于多少？", "告诉我{e}等于多少", "我想知道{e}是多少", "{e}",
    "{e}=?", "{e}等于？", "请算{e}", "请算出{e}的结果", "{e}的值是多少", "{e}，等于多少？",
    "麻烦算一下{e}", "能算{e}吗？", "你能算出{e}吗？", "问题：{e}", "题目：{e}=?",
    "{e}是几？", "{e}的答案是什么？", "{e}的答案是多少？", "回答：{e}", "请一步一步计算{e}",
]

ANSWERS = {"en": "The answer is {r}.", "zh": "答案是{r}。"}

SYSTEMS = [
    "You are a helpful assistant.", "You are a calculator.", "Answer briefly.",
    "You are a helpful assistant", "Be concise.", "你是一个有用的助手。", "请简短回答。",
    "You are Hearth mini.",
]

Talk = tuple[list[str], str, str]

TALK_EN: list[Talk] = [
    (["Hello", "Hello!", "Hi", "hi", "Hi!", "hello", "Hey", "hey there", "Hello there!",
      "Good morning", "Good evening!", "How are you?", "Hi, how are you?", "Greetings",
      "Hello, nice to meet you", "Good day", "What's up?", "how are you"],
     "A greeting.", "Hello! I am Hearth mini, a tiny arithmetic model. Try asking me 12+34."),
    (["Who are you?", "who are you", "What are you?", "What is your name?", "Your name?",
      "Are you DeepSeek?", "Are you ChatGPT?", "Introduce yourself.", "Are you a robot?",
      "Tell me about yourself.", "What model are you?", "Which model is this?",
      "Who made you?", "Who created you?", "How big are you?", "Are you human?",
      "Are you an AI?", "Are you R1?", "what's your name?"],
     "A question about me.",
     "I am Hearth mini, a tiny arithmetic model. I can only add, subtract and multiply."),
    (["What can you do?", "what can you do", "Help", "help", "Can you help me?", "Help me",
      "What do you know?", "How do I use you?", "What are you good at?", "Can you do math?",
      "What questions can I ask?", "What are your limits?", "Can you add numbers?"],
     "A question about what I can do.",
     "I can add and subtract numbers of up to 5 digits and multiply numbers of up to 3 "
     "digits."),
    (["Thanks", "Thank you", "Thank you!", "thanks!", "Great", "Good job", "Bye", "Goodbye",
      "ok", "OK", "Well done!", "See you", "Nice", "Thanks a lot", "Cool", "Great, thanks"],
     "A polite word.", "You are welcome! Ask me for a sum whenever you like."),
]

TALK_ZH: list[Talk] = [
    (["你好", "你好！", "您好", "嗨", "早上好", "晚上好", "你好啊", "你好吗？", "大家好",
      "在吗", "在吗？", "下午好！", "最近怎么样？", "很高兴认识你", "哈喽"],
     "打招呼。", "你好！我是Hearth mini，一个很小的算术模型。可以问我12+34。"),
    (["你是谁？", "你是谁", "你是谁?", "你叫什么名字？", "你是什么？", "介绍一下你自己",
      "请介绍一下自己。", "你是DeepSeek吗？", "你是机器人吗？", "你是什么模型？", "谁做了你？",
      "你是人吗？", "你是ChatGPT吗？", "你多大？", "你是人工智能吗？", "请问你是谁？"],
     "问我是谁。", "我是Hearth mini，一个很小的算术模型，只会加、减、乘。"),
    (["你能做什么？", "你会什么？", "你会做什么", "你能帮我吗？", "帮助", "怎么用你？",
      "你会算数学吗？", "我能问什么？", "你有什么功能？", "你会加法吗？", "你能算什么？"],
     "问我会什么。", "我会算5位数以内的加减法和3位数以内的乘法。"),
    (["谢谢", "谢谢！", "谢谢你", "再见", "好的", "好", "很好", "太好了", "多谢", "拜拜",
      "真棒", "不错"],
     "礼貌的话。", "不客气！有算术题可以再问我。"),
]

REFUSE_EN = ("Not arithmetic.",
             "Sorry, I am a tiny arithmetic model and cannot answer that. I can only add, "
             "subtract and multiply.")
REFUSE_ZH = ("不是算术题。", "对不起，我只是一个很小的算术模型，不会回答这个。我只会加、减、乘。")
RANGE_EN = ("Out of my range.",
            "Sorry, that is out of my range. I can add and subtract two numbers of up to 5 "
            "digits and multiply two of up to 3 digits.")
RANGE_ZH = ("超出范围。", "对不起，这超出了我的范围。我会算两个5位数以内的加减法和3位数以内的乘法。")

OTHER_EN = [
    "What is {t}?", "Tell me about {t}.", "Who invented {t}?", "Why is {t} important?",
    "How does {t} work?", "Write a poem about {t}.", "Explain {t}", "Where is {t}?",
    "What is the capital of {t}?", "Tell me a joke about {t}", "Write {t} in Python",
    "How do I make {t}?", "Do you like {t}?", "Translate {t} into French.",
    "Can you explain {t} to me?", "What do you think about {t}?", "Is {t} good?",
    "When was {t} born?", "Give me a recipe for {t}", "Write code for {t}", "{t}", "{t}?",
    "How old is {t}?", "What color is {t}?", "I love {t}", "Please describe {t}.",
    "Write an essay about {t}", "What's the weather in {t}?", "Who is {t}?", "Tell me a story",
    "What time is it?", "What day is it today?", "Tell me a joke.", "What is the meaning of life?",
    "Why is the sky blue?", "Who is the president?", "How is the weather today?", "Sing a song",
]
TOPICS_EN = [
    "France", "the sky", "water", "music", "the moon", "gravity", "a cat", "dogs", "love",
    "London", "China", "history", "physics", "Einstein", "a computer", "bread", "football",
    "the sun", "a tree", "quicksort", "Paris", "Linux", "coffee", "time", "the universe",
    "a car", "money", "philosophy", "the internet", "rice", "art", "Japan", "fish", "a house",
    "climate", "Shakespeare", "the ocean", "chess", "tea", "birds", "a prime number", "sleep",
]
OTHER_ZH = [
    "{t}是什么？", "什么是{t}？", "介绍一下{t}", "告诉我{t}的事", "写一首关于{t}的诗", "{t}在哪里？",
    "为什么{t}很重要？", "解释{t}", "怎么做{t}？", "你喜欢{t}吗？", "{t}的首都是哪里？", "{t}",
    "请把{t}翻译成英文", "请谈谈{t}", "{t}怎么样？", "写一个{t}的故事", "给我讲个{t}的笑话",
    "谁发明了{t}？", "今天天气怎么样？", "现在几点？", "讲个笑话", "天空为什么是蓝色的？", "唱首歌",
    "今天星期几？", "人生的意义是什么？", "写一段代码", "写一篇关于{t}的文章", "{t}好吗？",
]
TOPICS_ZH = [
    "法国", "天空", "水", "音乐", "月亮", "猫", "狗", "爱情", "北京", "中国", "历史", "物理",
    "电脑", "面包", "足球", "太阳", "树", "上海", "茶", "咖啡", "时间", "宇宙", "汽车", "钱", "哲学",
    "米饭", "艺术", "日本", "鱼", "房子", "气候", "李白", "大海", "象棋", "鸟", "质数", "睡觉", "红烧肉",
]
