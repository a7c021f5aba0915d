package org.llminspector.run.learn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.request.Message;
import org.llminspector.train.MaskedConversation;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Dialogues;
import org.llminspector.train.corpus.Exchange;
import org.llminspector.train.corpus.NamedCorpus;
import org.llminspector.train.corpus.Preference;

/**
 * Request for the training tokens that post-training makes of a conversation, given or from the embedded models'
 * training data. Exactly one of messages, conversation and preference.
 *
 * @param model whose tokenizer and chat template are used; the default model when null
 * @param messages alternating user and assistant, ending with an answer
 * @param conversation index of a training conversation, from 0
 * @param preference index of a training preference, from 0
 */
public record LessonRequest(String model, List<Message> messages, Long conversation, Long preference) {

    /** Corpus and corpus seed of the embedded models' recipes. */
    private static final String CORPUS = "tales";

    private static final long SEED = 1;

    /**
     * Lessons of the request.
     *
     * @param lessons one for a conversation; two for a preference, the better answer first
     */
    public record Answer(String model, List<Taught> lessons) {}

    /**
     * One conversation.
     *
     * @param messages those that fit the model's context
     * @param lesson its tokens and loss mask
     * @param learnt number of tokens in the loss
     */
    public record Taught(List<Message> messages, MaskedConversation lesson, int learnt) {}

    Answer on(ModelFolder folder) {
        long given = Stream.of(messages, conversation, preference)
                .filter(Objects::nonNull)
                .count();
        if (given != 1) {
            throw Problem.invalid("a lesson is of one conversation")
                    .where("messages, conversation, preference")
                    .expected("exactly one of them")
                    .found(given);
        }
        return new Answer(
                folder.slug(), all().stream().map(t -> taught(t, folder)).toList());
    }

    private List<List<Exchange>> all() {
        if (messages != null) return List.of(exchanges(messages, "messages"));
        Dialogues dialogues = NamedCorpus.of(CORPUS).dialogues(SEED);
        if (conversation != null)
            return List.of(dialogues.conversation(Corpus.Split.TRAIN, number(conversation, "conversation")));
        Preference p = dialogues.preference(Corpus.Split.TRAIN, number(preference, "preference"));
        return List.of(List.of(new Exchange(p.user(), p.better())), List.of(new Exchange(p.user(), p.worse())));
    }

    private static long number(long n, String field) {
        if (n >= 0 && n <= Integer.MAX_VALUE) return n;
        throw Problem.invalid("there is no training example of this number")
                .where(field)
                .expected("0 to " + Integer.MAX_VALUE)
                .found(n);
    }

    /** Messages as pairs of user message and answer. */
    static List<Exchange> exchanges(List<Message> messages, String field) {
        List<Exchange> turns = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            Message m = messages.get(i);
            String role = i % 2 == 0 ? "user" : "assistant";
            if (!role.equals(m.role()) || m.content() == null) {
                throw Problem.invalid("a conversation to learn from is a question, an answer, and so on")
                        .where(field + "[" + i + "]")
                        .expected("a text of the " + role)
                        .found(m.content() == null ? "no content" : m.role());
            }
            if (i % 2 == 1) turns.add(new Exchange(messages.get(i - 1).content(), m.content()));
        }
        if (!messages.isEmpty() && messages.size() % 2 == 0) return turns;
        throw Problem.invalid("the conversation has no answer at its end")
                .where(field)
                .expected("user and assistant in turns, the assistant last")
                .found(messages.size() + " messages");
    }

    private static Taught taught(List<Exchange> turns, ModelFolder folder) {
        MaskedConversation lesson = lesson(turns, folder);
        List<Message> conversation = new ArrayList<>();
        for (Exchange turn : turns) {
            conversation.add(new Message("user", turn.user()));
            conversation.add(new Message("assistant", turn.assistant()));
        }
        // Each answer is a run of consecutive tokens in the loss, so counting runs counts the exchanges that fit.
        int answers = 0;
        for (int t = 1; t < lesson.counts().size(); t++) {
            if (lesson.counts().get(t) && !lesson.counts().get(t - 1)) answers++;
        }
        return new Taught(conversation.subList(0, 2 * answers), lesson, lesson.learnt());
    }

    /** The lesson of a conversation, cut to the exchanges that fit the context. */
    static MaskedConversation lesson(List<Exchange> turns, ModelFolder folder) {
        int context = folder.spec().maxContext();
        MaskedConversation lesson =
                MaskedConversation.of(turns, folder.requireTokenizer(), folder.requireChatTemplate(), context);
        if (lesson != null) return lesson;
        throw Problem.tooLarge("the conversation's first answer is beyond the model's context")
                .where(folder.slug())
                .expected("at most " + context + " tokens");
    }
}
