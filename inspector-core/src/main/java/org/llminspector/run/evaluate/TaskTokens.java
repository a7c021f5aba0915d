package org.llminspector.run.evaluate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.corpus.Task;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/**
 * Tasks as tokens, by the convention of lm-evaluation-harness 0.4.13 ({@code TemplateLM._encode_pair} and {@code
 * loglikelihood} in lm_eval/api/model.py, {@code HFLM._loglikelihood_tokens} in lm_eval/models/huggingface.py):
 *
 * <ul>
 *   <li>Whitespace at the end of the context is moved to the front of the continuation.
 *   <li>The context's tokens are its own; the continuation's are those of both together, from the number of the context's on.
 *       Where the boundary lies within a token, neither has that token: the harness takes them so, and so does this.
 *   <li>What the tokenizer puts before a text (BOS) is kept, unless the text begins with BOS. What it puts after one (EOS) is
 *       left out; the harness would read it.
 *   <li>An empty context is BOS, or EOS where there is no BOS.
 *   <li>Of a line that is longer than the model's context the last {@code context + 1} tokens are kept, of which the last is
 *       only predicted.
 * </ul>
 */
public final class TaskTokens {

    private final Tokenizer tokenizer;
    private final int context;
    private final Integer prefix; // the context of an empty one; null where there is none
    private final String bos; // its text; null where there is none

    /** @param context most tokens that the model reads */
    public TaskTokens(Tokenizer tokenizer, int context) {
        this.tokenizer = tokenizer;
        this.context = context;
        Integer id = tokenizer.bosId();
        this.bos = id == null ? null : tokenizer.decode(List.of(id), false);
        this.prefix = id != null || tokenizer.eosIds().isEmpty()
                ? id
                : tokenizer.eosIds().get(0);
    }

    /**
     * One continuation with its context.
     *
     * @param tokens at least two, at most one more than the model's context: the last is predicted, not read
     * @param from the first of the continuation, 1 or more
     * @param cut tokens that were left out at the beginning
     */
    public record Row(int[] tokens, int from, int cut) {}

    /**
     * The rows of a task, by choice.
     *
     * @param where the task's file and line
     * @throws Problem INVALID for a continuation without tokens of its own, or with more than the model's context, and for an
     *     empty context where there is neither BOS nor EOS
     */
    public List<Row> rows(Task task, String where) {
        List<Row> rows = new ArrayList<>();
        for (int c = 0; c < task.choices().size(); c++) {
            rows.add(
                    row(task.context(), task.continuation(c), task.answer() == null ? where : where + ", choice " + c));
        }
        return rows;
    }

    private Row row(String before, String continuation, String where) {
        int end = before.length();
        while (end > 0 && whitespace(before.charAt(end - 1))) end--;
        String own = before.substring(0, end);
        int[] whole = before.isEmpty() ? new int[0] : ids(before + continuation);
        int[] read = before.isEmpty() ? new int[0] : ids(own);
        int from = read.length;
        int[] all;
        if (from == 0) {
            all = afterPrefix(plain(before + continuation), where);
            from = 1;
        } else {
            // Not the whole's own beginning: it differs where the boundary lies within a token.
            all = Arrays.copyOf(read, Math.max(from, whole.length));
            System.arraycopy(whole, Math.min(from, whole.length), all, from, all.length - from);
        }
        if (all.length <= from) {
            throw refused("the continuation has no tokens of its own", where)
                    .expected("text that adds a token to those of the context")
                    .found(Problem.shown(continuation));
        }
        if (all.length - from > context) {
            throw refused("the continuation is longer than the model's context", where)
                    .expected("at most " + context + " tokens")
                    .found(all.length - from);
        }
        int cut = Math.max(0, all.length - context - 1);
        return new Row(Arrays.copyOfRange(all, cut, all.length), from - cut, cut);
    }

    private int[] afterPrefix(int[] ids, String where) {
        if (prefix == null) {
            throw refused("the context is empty, and the tokenizer has neither BOS nor EOS to stand for it", where)
                    .expected("a context with text");
        }
        if (ids.length > 0 && ids[0] == prefix) return ids;
        int[] all = new int[ids.length + 1];
        all[0] = prefix;
        System.arraycopy(ids, 0, all, 1, ids.length);
        return all;
    }

    private static Problem refused(String what, String where) {
        return Problem.invalid(what).where(where).instead("mend the line, or skip bad lines (--skip-bad-lines)");
    }

    private int[] plain(String text) {
        return tokenizer.encode(text, false).stream().mapToInt(Token::id).toArray();
    }

    /** With what the tokenizer puts before a text, not with what it puts after one. */
    private int[] ids(String text) {
        if (bos != null && !bos.isEmpty() && text.startsWith(bos)) return plain(text);
        List<Token> tokens = tokenizer.encode(text, true);
        int end = tokens.size();
        while (end > 0 && tokens.get(end - 1).added()) end--;
        return tokens.subList(0, end).stream().mapToInt(Token::id).toArray();
    }

    /** As Python's {@code str.isspace}. */
    private static boolean whitespace(char c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }
}
