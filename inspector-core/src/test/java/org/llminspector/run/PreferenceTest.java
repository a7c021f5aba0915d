package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.compare.Distances;
import org.llminspector.run.learn.LearnerStep;
import org.llminspector.run.learn.LearnerStep.PreferenceChange;
import org.llminspector.run.learn.Learners;
import org.llminspector.run.learn.LessonRequest;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;
import org.llminspector.train.MaskedConversation;

/** A person's choice between two answers, with the model that ships: what it does, and that it is taken back. */
class PreferenceTest {

    private static final String MODEL = "tales-4m-instruct";
    private static final String ASKED =
            "Once upon a time, a brave mouse named Mia lived in the forest with Uncle. Mia found a red "
                    + "ball at the river.\n\nWhere did Mia live?";
    private static final String RIGHT = "Mia lived in the forest.";
    private static final String WRONG = "Mia lived in the meadow.";

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = Inspector.open(new InspectorConfig(
                List.of(Path.of("../model-cache")), null, temp.resolve("runs"), 1L << 30, 256L << 20, 4));
    }

    private static LearnerStep step(double rate) {
        ObjectNode body = Json.mapper().createObjectNode();
        body.putArray("messages").addObject().put("role", "user").put("content", ASKED);
        ObjectNode preference = body.putObject("preference").put("beta", 0.3);
        preference.putObject("chosen").put("text", RIGHT);
        preference.putObject("rejected").put("text", WRONG);
        body.put("optimizer", "SGD").put("learning_rate", rate);
        return Json.mapper().convertValue(body, LearnerStep.class);
    }

    private double logprob(String answer) {
        RunRequest chat = RunRequest.builder()
                .model(MODEL)
                .messages(List.of(new Message("user", ASKED), new Message("assistant", answer)))
                .build();
        int from = tokens(answer).size();
        int all = inspector
                        .runs()
                        .sampling()
                        .scores(chat, null, null, 1, 1)
                        .tokens()
                        .size()
                + 1;
        return inspector
                .runs()
                .sampling()
                .scores(chat, null, null, all - from, 1)
                .logprob();
    }

    /** The answer's tokens, the one that ends it included. */
    private List<Token> tokens(String answer) {
        MaskedConversation lesson = lesson(answer).lesson();
        return lesson.tokens().subList(lesson.lastAnswer(), lesson.tokens().size());
    }

    private LessonRequest.Taught lesson(String answer) {
        List<Message> messages = List.of(new Message("user", ASKED), new Message("assistant", answer));
        return inspector
                .training()
                .learning()
                .lessons(new LessonRequest(MODEL, messages, null, null))
                .lessons()
                .get(0);
    }

    @Test
    void aChoiceMovesBothAnswersAndIsTakenBackToTheLastByte() {
        Learners learners = inspector.training().learning().learners();
        Learners.Info fresh = inspector.training().learning().learner(MODEL, "cpu");
        LearnerStep.Answer once = learners.step(fresh.id(), step(0.01));
        PreferenceChange change = once.preference();
        assertThat(change.chosen().tokens()).isEqualTo(tokens(RIGHT));
        assertThat(change.rejected().tokens()).isEqualTo(tokens(WRONG));
        assertThat(change.chosen().reference()).isCloseTo(logprob(RIGHT), within(1e-3));
        assertThat(change.rejected().reference()).isCloseTo(logprob(WRONG), within(1e-3));
        // It began as its own reference: no margin, and a loss of ln 2.
        assertThat(change.chosen().before()).isEqualTo(change.chosen().reference());
        assertThat(change.marginBefore()).isZero();
        assertThat(once.lossBefore()).isCloseTo(Math.log(2), within(1e-12));
        assertThat(change.marginAfter()).isPositive();
        assertThat(once.lossAfter()).isCloseTo(Math.log1p(Math.exp(-change.marginAfter())), within(1e-12));
        LearnerStep.ReplyChange chosen = change.chosen();
        assertThat(chosen.rewardAfter()).isEqualTo(0.3 * (chosen.after() - chosen.reference()));
        assertThat(change.marginAfter())
                .isCloseTo(chosen.rewardAfter() - change.rejected().rewardAfter(), within(1e-9));
        assertThat(chosen.byToken().stream()
                        .mapToDouble(LearnerStep.TokenChange::after)
                        .sum())
                .isCloseTo(chosen.after(), within(1e-9));
        assertThat(once.weightsSha256()).isNotEqualTo(fresh.weightsSha256());

        // The second update is still measured against the model as it was opened.
        LearnerStep.Answer twice = learners.step(fresh.id(), step(0.01));
        assertThat(twice.preference().chosen().reference()).isEqualTo(chosen.reference());
        assertThat(twice.preference().marginBefore()).isEqualTo(change.marginAfter());
        assertThat(twice.lossAfter()).isLessThan(once.lossAfter());

        assertThat(learners.undo(fresh.id()).weightsSha256()).isEqualTo(once.weightsSha256());
        assertThat(learners.undo(fresh.id()).weightsSha256()).isEqualTo(fresh.weightsSha256());
        assertThat(learners.step(fresh.id(), step(0.01))).isEqualTo(once);
    }

    /** A request whose updates are not all made, here because it is cancelled, makes none. */
    @Test
    void aFailedStepLeavesTheLearnerAsItWas() throws Exception {
        Learners learners = inspector.training().learning().learners();
        String id = inspector.training().learning().learner(MODEL, "cpu").id();
        Learners.Info before = learners.info(id);
        ObjectNode body = Json.mapper().valueToTree(step(0.01));
        LearnerStep many = Json.mapper().convertValue(body.put("steps", 100), LearnerStep.class);
        CompletableFuture<LearnerStep.Answer> asked = CompletableFuture.supplyAsync(() -> learners.step(id, many));
        while (learners.info(id).step() < 2 && !asked.isDone()) Thread.sleep(5);
        inspector.queue().entries().forEach(e -> inspector.queue().cancel(e.id()));
        assertThatThrownBy(asked::get).hasMessageContaining("cancelled");
        assertThat(learners.info(id))
                .as("weights, steps and what can be taken back")
                .isEqualTo(before);
        assertThatThrownBy(() -> learners.undo(id)).hasMessageContaining("no update to take back");
        LearnerStep.Answer once = learners.step(id, step(0.01));
        assertThat(learners.step(
                        inspector.training().learning().learner(MODEL, "cpu").id(), step(0.01)))
                .as("as a fresh learner's first, the optimizer's memory included")
                .usingRecursiveComparison()
                .ignoringFields("id", "learner")
                .isEqualTo(once);
        assertThat(learners.undo(id).weightsSha256()).isEqualTo(before.weightsSha256());
    }

    /** One small step of SGD makes the loss smaller by the rate times the squared length of the gradient. */
    @Test
    void theGradientIsTheSlopeOfTheLoss() {
        Learners learners = inspector.training().learning().learners();
        String id = inspector.training().learning().learner(MODEL, "cpu").id();
        double rate = 1e-5;
        LearnerStep.Answer answer = learners.step(id, step(rate));
        double promised = rate * answer.gradNorm() * answer.gradNorm();
        assertThat(answer.lossBefore() - answer.lossAfter()).isCloseTo(promised, within(0.05 * promised));
    }

    @Test
    void whatCannotBeChosenBetweenIsRefused() {
        Learners learners = inspector.training().learning().learners();
        String id = inspector.training().learning().learner(MODEL, "cpu").id();
        assertThatThrownBy(() -> learners.step(id, changed("{\"rejected\":{\"text\":\"" + RIGHT + "\"}}")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("nothing to choose between");
        assertThatThrownBy(() -> learners.step(id, changed("{\"beta\":0}")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("beta");
        assertThatThrownBy(() -> learners.step(id, changed("{\"chosen\":{\"tokens\":[]}}")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("empty");
    }

    private static LearnerStep changed(String preference) {
        try {
            ObjectNode body = Json.mapper().createObjectNode();
            body.putArray("messages").addObject().put("role", "user").put("content", ASKED);
            ObjectNode usual = body.putObject("preference");
            usual.putObject("chosen").put("text", RIGHT);
            usual.putObject("rejected").put("text", WRONG);
            usual.setAll((ObjectNode) Json.mapper().readTree(preference));
            return Json.mapper().convertValue(body, LearnerStep.class);
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    /** The same tokens read by the base model and by what was tuned from it, and by the base model twice. */
    @Test
    void theTunedModelLiesApartFromItsBaseAtEveryLayer() {
        Distances.Answer apart = distances(MODEL);
        assertThat(apart.hooks()).hasSize(6).allSatisfy(hook -> {
            assertThat(hook.byPosition()).hasSize(apart.positions());
            assertThat(hook.relativeL2()).isBetween(0.05, 2.0);
        });
        assertThat(distances("tales-4m").hooks()).hasSize(6).allSatisfy(hook -> assertThat(hook.relativeL2())
                .isZero());
    }

    private Distances.Answer distances(String other) {
        RunRequest base = RunRequest.builder()
                .model("tales-4m")
                .messages(List.of(new Message("user", ASKED)))
                .build();
        RunRequest beside = RunRequest.builder().model(other).build();
        return inspector
                .comparisons()
                .distances(new Distances.Request(base, beside, List.of("blocks.*.hook_resid_post")));
    }
}
