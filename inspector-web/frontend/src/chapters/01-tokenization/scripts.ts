/** One sentence in five scripts, to see what each costs. The words are ours; the counts are the tokenizers'. */
export const SENTENCES: { script: string; lang: string; text: string }[] = [
  { script: 'Latin (English)', lang: 'en', text: 'The sun rises over the sea.' },
  { script: 'Cyrillic (Russian)', lang: 'ru', text: 'Солнце встаёт над морем.' },
  { script: 'Devanagari (Hindi)', lang: 'hi', text: 'सूरज समुद्र के ऊपर उगता है।' },
  { script: 'Arabic', lang: 'ar', text: 'تشرق الشمس فوق البحر.' },
  { script: 'Han (Chinese)', lang: 'zh', text: '太阳从海上升起。' },
];
