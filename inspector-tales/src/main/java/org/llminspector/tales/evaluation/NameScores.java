package org.llminspector.tales.evaluation;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.words.Person;
import org.llminspector.tokenize.Token;

/** Sums of the attention on a name's earlier mentions, at the position before the name is repeated. */
final class NameScores {

    private double[] sums = new double[0]; // [layer * head]
    private int mentions;

    /** A position before a repeated name, and the positions of its earlier mentions. */
    private record RepeatedName(int query, BitSet keys) {}

    /** @param pass has the attention patterns of the tale's tokens */
    void add(EvaluatedModel model, Capture pass, Tale tale, List<Token> tokens) {
        List<RepeatedName> again = repeatedNames(tale, tokens);
        int n = tokens.size();
        for (int layer = 0; layer < model.layers(); layer++) {
            float[] p = pass.get(HookId.of(HookPoint.PATTERN, layer)).toFloats(); // [1, head, query, key]
            int heads = p.length / n / n;
            if (sums.length == 0) sums = new double[model.layers() * heads];
            for (int head = 0; head < heads; head++) {
                for (RepeatedName a : again) {
                    int row = (head * n + a.query()) * n;
                    sums[layer * heads + head] +=
                            a.keys().stream().mapToDouble(k -> p[row + k]).sum();
                }
            }
        }
        mentions += again.size();
    }

    private static List<RepeatedName> repeatedNames(Tale tale, List<Token> tokens) {
        List<RepeatedName> all = new ArrayList<>();
        for (Person person : tale.cast()) {
            if (!person.named()) continue;
            BitSet before = new BitSet();
            Matcher m = Pattern.compile("\\b" + person.name() + "\\b").matcher(tale.text());
            while (m.find()) {
                BitSet mention = HeadEvaluation.within(tokens, m.start(), m.end());
                if (!before.isEmpty()) all.add(new RepeatedName(mention.nextSetBit(0) - 1, (BitSet) before.clone()));
                before.or(mention);
            }
        }
        return all;
    }

    /** The mean share of each head, layer after layer. */
    List<Double> means() {
        List<Double> means = new ArrayList<>();
        IntStream.range(0, sums.length).forEach(i -> means.add(sums[i] / mentions));
        return means;
    }
}
