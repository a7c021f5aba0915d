package org.llminspector.train.tales;

import java.util.List;
import java.util.Optional;
import org.llminspector.train.Corpus.Split;
import org.llminspector.train.Dialogues;
import org.llminspector.train.Exchange;
import org.llminspector.train.Preference;

/** TalesChat are conversations about stories: questions and answers, requests for stories, better and worse answers. */
public final class TalesChat implements Dialogues {

    /** The conversation as the tokenizer's chat template writes it. */
    public static final String TEMPLATE = "{{ bos_token }}{% for message in messages %}"
            + "{% if message['role'] not in ['user', 'assistant'] %}"
            + "{{ raise_exception('only user and assistant speak') }}{% endif %}"
            + "{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

    /** Stories that are asked about are shorter, so that story, question and answer fit in 320 tokens. */
    private static final int MOST_WORDS = 170;

    private static final long ASKING = 1L << 40;
    private static final long VARYING = 1L << 41;

    private final Tales tales;
    private final long seed;

    public TalesChat(long seed) {
        this.seed = seed;
        this.tales = new Tales(seed);
    }

    @Override
    public Exchange exchange(Split split, long index) {
        return exchange(split, index, new Dice(seed, VARYING + split.ordinal(), index));
    }

    /** The same with questions in their first form: what the tokenizer learns from. */
    Exchange plain(Split split, long index) {
        return exchange(split, index, null);
    }

    private Exchange exchange(Split split, long index, Dice phrasing) {
        Dice dice = new Dice(seed, ASKING + split.ordinal(), index);
        Tale tale = tales.tale(split, ASKING + index, MOST_WORDS);
        if (dice.chance(0.15)) return request(tale, dice);
        Question q = question(tale, dice);
        return new Exchange(asked(tale, q, phrasing), q.answer());
    }

    @Override
    public Preference preference(Split split, long index) {
        Dice dice = new Dice(seed, ASKING + 2 + split.ordinal(), index);
        Tale tale = tales.tale(split, 2 * ASKING + index, MOST_WORDS);
        Question q = question(tale, dice);
        Dice phrasing = new Dice(seed, VARYING + 2 + split.ordinal(), index);
        return new Preference(asked(tale, q, phrasing), q.answer(), worse(tale, q, dice));
    }

    /**
     * Asked is a question put to a model, with its truth.
     *
     * @param user what the user says: the story and the question
     */
    public record Asked(Question question, String user) {}

    /** A question of this kind about the story of this index, if it has one; none of the stories above is asked about. */
    public Optional<Asked> ask(Split split, long index, Question.Kind kind) {
        Dice dice = new Dice(seed, ASKING + 4 + split.ordinal(), index);
        Tale tale = tales.tale(split, 3 * ASKING + index, MOST_WORDS);
        List<Question> fit =
                Questions.of(tale, dice).stream().filter(q -> q.kind() == kind).toList();
        if (fit.isEmpty()) return Optional.empty();
        Question q = dice.pick(fit);
        return Optional.of(new Asked(q, asked(tale, q, dice)));
    }

    private static String asked(Tale tale, Question q, Dice phrasing) {
        return tale.text() + "\n\n" + (phrasing == null ? q.text() : Phrasings.vary(q.text(), phrasing));
    }

    /** Each kind that the story allows is as likely, but places are asked for twice as often, and numbers, which few stories have, four times. */
    static Question question(Tale tale, Dice dice) {
        List<Question> all = Questions.of(tale, dice);
        int[] weights = new int[Question.Kind.values().length];
        for (Question q : all) {
            weights[q.kind().ordinal()] = switch (q.kind()) {
                case WHERE -> 2;
                case HOW_MANY -> 4;
                default -> 1;
            };
        }
        Question.Kind kind = Question.Kind.values()[dice.weighted(weights)];
        return dice.pick(all.stream().filter(q -> q.kind() == kind).toList());
    }

    private static Exchange request(Tale tale, Dice dice) {
        Person hero = tale.hero();
        String kind = Words.a(hero.trait() + " " + hero.kind());
        String where = tale.places().get(0).at();
        String user =
                switch (dice.below(4)) {
                    case 0 -> "Tell a story about " + kind + " named " + hero.name() + " " + where + ".";
                    case 1 -> "Tell me a story about " + kind + " named " + hero.name() + ".";
                    case 2 -> "Please tell a story about " + Words.a(hero.kind()) + " named " + hero.name() + ".";
                    default -> "Tell me a story about " + kind + " who lived " + where + ".";
                };
        return new Exchange(user, tale.text());
    }

    /** False, beside the question, or rambling on. */
    private static String worse(Tale tale, Question q, Dice dice) {
        int way = dice.weighted(5, 2, 2);
        if (way == 1) {
            List<Question> others = Questions.of(tale, dice).stream()
                    .filter(o -> !o.answer().contains(q.key()) && !q.answer().contains(o.key()))
                    .toList();
            if (!others.isEmpty()) return dice.pick(others).answer();
        }
        if (way == 2) {
            String[] sentences = tale.text().replace('\n', ' ').split("(?<=[.]) +");
            int from = dice.below(Math.max(1, sentences.length - 2));
            return q.answer() + " " + sentences[from] + " " + sentences[Math.min(from + 1, sentences.length - 1)];
        }
        return q.falseAnswer(dice);
    }
}
