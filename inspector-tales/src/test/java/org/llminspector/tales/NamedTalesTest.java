package org.llminspector.tales;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.learn.LessonRequest;
import org.llminspector.run.learn.Training;
import org.llminspector.train.MaskedConversation;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.llminspector.train.corpus.NamedCorpus;

/** Training finds the tales by the corpus name of a recipe. */
class NamedTalesTest {

    private static final String MODEL = "tales-4m-instruct";
    private static final Path SHIPPED = Path.of("../model-cache/tales-4m");

    @TempDir
    Path temp;

    private static Recipe recipe(String corpus) throws JsonProcessingException {
        return Json.mapper().readValue("""
                {"name": "x", "corpus": "%s", "steps": 1, "learning_rate": 0.001, "sequence": 16, "batch": 1,
                 "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "d_mlp": 16, "context": 16}}""".replace("%s", corpus), Recipe.class);
    }

    @Test
    void theTalesAreANamedCorpus() throws Exception {
        assertThat(NamedCorpus.known()).isEqualTo("tales");
        try (Trainer trainer = Training.begin(recipe("tales"), temp, "cpu")) {
            assertThat(trainer).isNotNull();
        }
        assertThat(temp.resolve("tokenizer.json")).hasSameTextualContentAs(SHIPPED.resolve("tokenizer.json"));
    }

    @Test
    void anotherNameIsRefusedWithTheNamesThatAreKnown() throws Exception {
        assertThatThrownBy(() -> Training.begin(recipe("fables"), temp, "cpu"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such corpus")
                .hasMessageContaining("tales, or a text file")
                .hasMessageContaining("fables");
        Recipe tuned = Json.mapper().readValue("""
                {"name": "x", "task": "instruct", "base": "b", "corpus": "fables", "steps": 1, "learning_rate": 0.001,
                 "sequence": 16, "batch": 1}""", Recipe.class);
        assertThatThrownBy(() -> Training.begin(tuned, temp, "cpu"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such corpus")
                .hasMessageContaining("fables");
        try (var files = Files.list(temp)) {
            assertThat(files).isEmpty();
        }
    }

    private Inspector open(Path... more) {
        List<Path> roots =
                Stream.concat(Stream.of(SHIPPED.getParent()), Stream.of(more)).toList();
        return Inspector.open(new InspectorConfig(roots, null, temp.resolve("runs"), 1L << 30, 256L << 20, 4));
    }

    @Test
    void aTrainingJobIsCountedBeforeItBegins() throws JsonProcessingException {
        Recipe huge = Json.mapper().readValue("""
                {"name": "huge", "corpus": "tales", "steps": 3, "batch": 2, "learning_rate": 0.001,
                 "model": {"d_model": 4096, "n_layers": 16, "n_heads": 4, "n_kv_heads": 4, "d_mlp": 16384, "context": 64}}""", Recipe.class);
        try (Inspector inspector = open()) {
            assertThatThrownBy(() -> inspector.training().jobs().begin(huge, "cpu"))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("at most 536,870,909 parameters")
                    .hasMessageContaining("4,303,491,072"); // with an embedding of 2,048 tokens
            assertThat(inspector.training().jobs().list()).isEmpty();
            assertThat(inspector.models().memory().held("training")).isZero();
        }
    }

    /** A job whose result could not be written ends where it is asked for, not after its updates. */
    @Test
    void aBaseThatCannotBeWrittenBackBeginsNoJob() throws JsonProcessingException {
        Recipe tuned = Json.mapper().readValue("""
                {"name": "tuned", "task": "instruct", "base": "apertus", "corpus": "tales", "steps": 3, "batch": 2,
                 "learning_rate": 0.001, "sequence": 16}""", Recipe.class);
        try (Inspector inspector = open(Path.of("../inspector-core/src/test/resources/golden/families"))) {
            assertThatThrownBy(() -> inspector.training().jobs().begin(tuned, "cpu"))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("tensor model.layers.0.mlp.act_fn.alpha_p, weight blocks.0.mlp.act.alpha_p")
                    .hasMessageContaining("another family");
            assertThat(inspector.training().jobs().list()).isEmpty();
        }
    }

    @Test
    void onlyTheAnswersOfATrainingConversationCount() {
        try (Inspector inspector = open()) {
            LessonRequest.Taught taught = inspector
                    .training()
                    .learning()
                    .lessons(new LessonRequest(MODEL, null, 0L, null))
                    .lessons()
                    .get(0);
            MaskedConversation lesson = taught.lesson();
            StringBuilder learnt = new StringBuilder();
            IntStream.range(0, lesson.tokens().size())
                    .filter(i -> lesson.counts().get(i))
                    .forEach(i -> learnt.append(lesson.tokens().get(i).text()));
            StringBuilder answers = new StringBuilder();
            taught.messages().stream()
                    .filter(m -> m.role().equals("assistant"))
                    .forEach(m -> answers.append(m.content()).append("<|end|>"));
            assertThat(learnt).hasToString(answers.toString());
            assertThat(lesson.learnt()).isBetween(1, lesson.tokens().size() / 2);
            List<LessonRequest.Taught> pair = inspector
                    .training()
                    .learning()
                    .lessons(new LessonRequest(MODEL, null, null, 0L))
                    .lessons();
            assertThat(pair).hasSize(2);
            assertThat(pair.get(0).messages().get(0))
                    .isEqualTo(pair.get(1).messages().get(0));
            assertThat(pair.get(0).messages().get(1))
                    .isNotEqualTo(pair.get(1).messages().get(1));
        }
    }
}
