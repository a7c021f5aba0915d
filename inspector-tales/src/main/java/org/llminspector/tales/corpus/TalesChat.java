package org.llminspector.tales.corpus;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.question.Phrasings;
import org.llminspector.tales.question.Question;
import org.llminspector.tales.question.Questions;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Words;
import org.llminspector.train.corpus.Corpus.Split;
import org.llminspector.train.corpus.Dialogues;
import org.llminspector.train.corpus.Exchange;
import org.llminspector.train.corpus.Preference;

/** Conversations about stories: questions and answers, requests for stories, better and worse answers. */
public final class TalesChat implements Dialogues {

    /** The tokenizer's chat template. */
    public static final String TEMPLATE = "{{ bos_token }}{% for message in messages %}"
            + "{% if message['role'] not in ['user', 'assistant'] %}"
            + "{{ raise_exception('only user and assistant speak') }}{% endif %}"
            + "{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

    /** Stories in conversations are shorter, so that several questions fit the model's context. */
    private static final int MOST_WORDS = 170;

    /** The share of conversations that request a story. */
    private static final double REQUESTS = 0.08;

    private static final long ASKING = 1L << 40;
    private static final long VARYING = 1L << 41;

    private final Tales tales;
    private final long seed;

    public TalesChat(long seed) {
        this.seed = seed;
        this.tales = new Tales(seed);
    }

    /** A story and a question, then more questions about it, each about another fact; or a request for a story. */
    @Override
    public List<Exchange> conversation(Split split, long index) {
        ChoiceSource dice = new ChoiceSource(seed, ASKING + split.ordinal(), index);
        Tale tale = tales.tale(split, ASKING + index, MOST_WORDS);
        if (dice.chance(REQUESTS)) return List.of(request(tale, dice));
        ChoiceSource phrasing = new ChoiceSource(seed, VARYING + split.ordinal(), index);
        List<Exchange> turns = new ArrayList<>();
        List<Question> left = Questions.inStoryWords(tale, dice);
        while (!left.isEmpty()) {
            Question q = Questions.drawn(left, dice);
            String asked =
                    turns.isEmpty() ? asked(tale, q, phrasing) : Phrasings.perhapsParaphrased(q.text(), phrasing);
            turns.add(new Exchange(asked, q.answer()));
            // A fact already answered could be copied from that answer instead of the story.
            left = left.stream().filter(x -> !x.fact().equals(q.fact())).toList();
        }
        return turns;
    }

    /**
     * One exchange with the question in its first form: the tokenizer's training text, independent of later
     * conversations.
     */
    Exchange plain(Split split, long index) {
        ChoiceSource dice = new ChoiceSource(seed, ASKING + split.ordinal(), index);
        Tale tale = tales.tale(split, ASKING + index, MOST_WORDS);
        if (dice.chance(0.15)) return request(tale, dice);
        Question q = Questions.drawn(Questions.of(tale, dice), dice, TalesChat::tokenizerTextCount);
        return new Exchange(asked(tale, q, null), q.verdictFirst());
    }

    private static int tokenizerTextCount(Question.Kind kind) {
        return switch (kind) {
            case WHERE -> 2;
            case HOW_MANY -> 4;
            default -> 1;
        };
    }

    @Override
    public Preference preference(Split split, long index) {
        ChoiceSource dice = new ChoiceSource(seed, ASKING + 2 + split.ordinal(), index);
        Tale tale = tales.tale(split, 2 * ASKING + index, MOST_WORDS);
        Question q = Questions.drawn(Questions.inStoryWords(tale, dice), dice);
        ChoiceSource phrasing = new ChoiceSource(seed, VARYING + 2 + split.ordinal(), index);
        return new Preference(asked(tale, q, phrasing), q.answer(), worse(tale, q, dice));
    }

    /**
     * A question for a model, with its ground truth.
     *
     * @param user the user's message: the story and the question
     */
    public record Asked(Question question, String user) {}

    /**
     * A question of this kind about the story of this index, if it has one; these stories are in no conversation above.
     */
    public Optional<Asked> ask(Split split, long index, Question.Kind kind) {
        ChoiceSource dice = new ChoiceSource(seed, ASKING + 4 + split.ordinal(), index);
        Tale tale = tales.tale(split, 3 * ASKING + index, MOST_WORDS);
        List<Question> fit = Questions.inStoryWords(tale, dice).stream()
                .filter(q -> q.kind() == kind)
                .toList();
        if (fit.isEmpty()) return Optional.empty();
        Question q = dice.pick(fit);
        return Optional.of(new Asked(q, asked(tale, q, dice)));
    }

    private static String asked(Tale tale, Question q, ChoiceSource phrasing) {
        return tale.text() + "\n\n" + (phrasing == null ? q.text() : Phrasings.perhapsParaphrased(q.text(), phrasing));
    }

    private static Exchange request(Tale tale, ChoiceSource dice) {
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

    /** A worse answer: false, to another question, or correct but rambling. */
    private static String worse(Tale tale, Question q, ChoiceSource dice) {
        int way = dice.weighted(5, 2, 2);
        if (way == 1) {
            List<Question> others = Questions.inStoryWords(tale, dice).stream()
                    .filter(o -> !o.answer().equals(q.answer())
                            && !o.answer().contains(q.key())
                            && !q.answer().contains(o.key()))
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
