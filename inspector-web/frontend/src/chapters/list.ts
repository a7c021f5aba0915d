/** The story, in its order. A chapter without a view is named, so that the path is visible, and is not a link. */
export interface Group {
  name: string;
  chapters: [number: number, title: string][];
}

export const GROUPS: Group[] = [
  {
    name: 'Text',
    chapters: [
      [1, 'Tokenization'],
      [2, 'Embeddings'],
    ],
  },
  {
    name: 'Forward',
    chapters: [
      [3, 'Neuron activation'],
      [4, 'Feed-forward'],
      [5, 'Logits and sampling'],
    ],
  },
  {
    name: 'Attention',
    chapters: [
      [8, 'Attention Q, K, V'],
      [9, 'Multi-head'],
      [10, 'RoPE'],
      [11, 'Transformer block'],
    ],
  },
  {
    name: 'Learning',
    chapters: [
      [6, 'Backpropagation'],
      [7, 'Optimizers'],
      [12, 'Training phases'],
      [13, 'Post-training'],
    ],
  },
  {
    name: 'Serving',
    chapters: [
      [14, 'Context and KV cache'],
      [15, 'Quantization'],
    ],
  },
];
