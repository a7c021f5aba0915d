/** Answers are single tokens. */
import { api } from '../../api/client';
import { Problem } from '../../api/problem';

/** The id of an answer: a text that is one token. */
export async function tokenId(model: string, text: string, signal?: AbortSignal): Promise<number> {
  const { tokens } = await api.tokenize(model, text, signal, { add_special_tokens: false });
  if (tokens.length === 1) return tokens[0].id;
  throw new Problem({
    title: 'an answer is one token',
    status: 422,
    where: `answer “${text}”`,
    expected: 'one token',
    found: `${tokens.length}: ${tokens.map((t) => `“${t.text}”`).join(', ')}`,
    instead: 'take its first token, with the space before it',
  });
}
