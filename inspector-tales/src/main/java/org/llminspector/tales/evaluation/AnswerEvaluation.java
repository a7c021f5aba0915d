package org.llminspector.tales.evaluation;

import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GenerateOptionsBuilder;
import org.llminspector.tales.corpus.TalesChat;
import org.llminspector.tales.question.Question;
import org.llminspector.train.corpus.Corpus.Split;

/** Greedy answers to questions about held-out stories, equally many of each kind, compared with the truth. */
final class AnswerEvaluation {

    private static final int LONGEST = 40;

    private AnswerEvaluation() {}

    static EvaluationReport.Answers run(EvaluatedModel model, TalesChat chat, int perKind) {
        Map<Question.Kind, Integer> inChat = new EnumMap<>(Question.Kind.class);
        Map<Question.Kind, Integer> inText = new EnumMap<>(Question.Kind.class);
        int exact = 0;
        for (Question.Kind kind : Question.Kind.values()) {
            long index = 0;
            for (int n = 0; n < perKind; n++) {
                Optional<TalesChat.Asked> asked = Optional.empty();
                while (asked.isEmpty()) asked = chat.ask(Split.HELD_OUT, index++, kind);
                Question q = asked.get().question();
                String answer = answer(model, model.chatPrompt(asked.get().user()));
                if (isRight(q, answer)) inChat.merge(kind, 1, Integer::sum);
                if (answer.strip().equals(q.answer())) exact++;
                String plain = answer(model, model.begin(asked.get().user() + "\n\n"));
                if (isRight(q, plain)) inText.merge(kind, 1, Integer::sum);
            }
        }
        int all = perKind * Question.Kind.values().length;
        return new EvaluationReport.Answers(
                perKind, shares(inChat, perKind), shares(inText, perKind), exact / (double) all);
    }

    private static String answer(EvaluatedModel model, int[] prompt) {
        GenerateOptions greedy = GenerateOptionsBuilder.builder()
                .maxNewTokens(LONGEST)
                .greedy(true)
                .stop(List.of("\n"))
                .alternatives(0)
                .build();
        return model.generate(prompt, greedy).text();
    }

    /**
     * Whether an answer's first sentence has the key and none of the wrong alternatives; of yes-or-no, the correct one
     * anywhere in it.
     */
    static boolean isRight(Question q, String answer) {
        String first = answer.strip().split("(?<=[.?])\\s")[0];
        if (q.kind() == Question.Kind.YES_NO) {
            boolean yes = has(first, "yes");
            return yes != has(first, "no") && yes == has(q.key(), "yes");
        }
        return has(first, q.key()) && q.wrong().stream().noneMatch(w -> has(first, w) && !has(q.answer(), w));
    }

    private static boolean has(String sentence, String words) {
        return Pattern.compile("(?<!\\w)" + Pattern.quote(words.toLowerCase(Locale.ROOT)) + "(?!\\w)")
                .matcher(sentence.toLowerCase(Locale.ROOT))
                .find();
    }

    private static Map<String, Double> shares(Map<Question.Kind, Integer> right, int perKind) {
        Map<String, Double> shares = new TreeMap<>();
        int all = 0;
        for (Question.Kind kind : Question.Kind.values()) {
            int n = right.getOrDefault(kind, 0);
            all += n;
            shares.put(kind.name().toLowerCase(Locale.ROOT), n / (double) perKind);
        }
        shares.put("all", all / (double) (perKind * Question.Kind.values().length));
        return shares;
    }
}
