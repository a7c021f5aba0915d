package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.llminspector.engine.Learner;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Alternatives;
import org.llminspector.train.corpus.Corpus;

/**
 * A corpus' documents as tokens, each with its loss weight.
 *
 * @param end the token that ends a document
 */
record Documents(Corpus corpus, Tokenizer tokenizer, int end, Alternatives alternatives) {

    Documents(Corpus corpus, Tokenizer tokenizer, int end) {
        this(corpus, tokenizer, end, new Alternatives(tokenizer));
    }

    TokenStream.Piece get(Corpus.Split split, long index, double determined) {
        return get(split, index, determined, false);
    }

    /**
     * @param determined the loss weight of tokens that follow from the document so far; others weigh 1
     * @param choices whether to include the equally likely tokens
     */
    TokenStream.Piece get(Corpus.Split split, long index, double determined, boolean choices) {
        String text = corpus.document(split, index);
        List<Token> encoded = tokenizer.encode(text, true);
        int[] ids = new int[encoded.size() + 1];
        for (int i = 0; i < encoded.size(); i++) ids[i] = encoded.get(i).id();
        ids[encoded.size()] = end;
        float[] weights = new float[ids.length];
        Arrays.fill(weights, 1);
        if (determined != 1) weigh(weights, encoded, corpus.determined(split, index), (float) determined);
        int[][] others = new int[ids.length][];
        if (choices) {
            int[][] known = alternatives.of(text, encoded, corpus.choices(split, index));
            System.arraycopy(known, 0, others, 0, known.length);
        }
        return new TokenStream.Piece(ids, weights, others);
    }

    private static void weigh(float[] weights, List<Token> tokens, List<Corpus.Span> spans, float weight) {
        int at = 0;
        for (int i = 0; i < tokens.size(); i++) {
            Token token = tokens.get(i);
            if (token.start() == null) continue;
            while (at < spans.size() && spans.get(at).to() <= token.start()) at++;
            if (at == spans.size()) return;
            if (spans.get(at).from() < token.end()) weights[i] = weight;
        }
    }

    /** Adds the gradient of some documents' weighted mean loss: rehearsal against forgetting during tuning. */
    void rehearse(Learner learner, Recipe recipe, long step) {
        int count = recipe.rehearsal();
        if (count == 0) return;
        long first = recipe.rehearsalFrom() + step * count;
        List<Batches.Example> examples = LongStream.range(first, first + count)
                .mapToObj(i -> get(Corpus.Split.TRAIN, i, recipe.determinedWeight(), recipe.allChoices()))
                .map(p -> p.example(p.tokens().length))
                .toList();
        Batches.accumulate(learner, examples, recipe.microBatch(), recipe.rehearsalWeight());
    }
}
