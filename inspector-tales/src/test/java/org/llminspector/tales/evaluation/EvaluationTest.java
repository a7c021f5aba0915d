package org.llminspector.tales.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.corpus.TalesChat;
import org.llminspector.tales.corpus.TalesTokenizer;
import org.llminspector.tales.question.Question;
import org.llminspector.tokenize.BpeFile;
import org.llminspector.tokenize.BpeTrainer;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Corpus.Split;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;

/** A model of random weights sits the whole evaluation, and knows nothing. */
class EvaluationTest {

    @TempDir
    Path folder;

    @Test
    void aModelOfRandomWeightsKnowsNothing() throws JsonProcessingException {
        Tales tales = new Tales(1);
        BpeTrainer.Vocabulary vocabulary = BpeTrainer.train(
                LongStream.range(0, 200).mapToObj(i -> tales.document(Split.TRAIN, i)), TalesTokenizer.CONTROL, 900);
        BpeFile.write(
                vocabulary,
                new BpeFile.Settings(TalesTokenizer.BEGIN, TalesTokenizer.END, TalesChat.TEMPLATE, 512),
                folder);
        Recipe recipe = Json.mapper().readValue("""
                {"name": "blank", "corpus": "tales", "steps": 1, "learning_rate": 1e-9, "sequence": 16, "batch": 1,
                 "model": {"d_model": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "d_mlp": 16, "context": 512}}""", Recipe.class);
        try (Trainer trainer = Trainer.begin(recipe, new Trainer.Sources(tales, null), folder, "cpu")) {
            trainer.run(new Trainer.Listener() {
                @Override
                public void progress(Trainer.Progress progress) {}

                @Override
                public boolean stop() {
                    return false;
                }
            });
        }
        EvaluationReport report;
        try (Checkpoint checkpoint = Checkpoint.open(folder);
                Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow();
                InspectorEngine engine = TorchEngine.open(Family.open(checkpoint), "cpu", Precision.FP32)) {
            report = Evaluation.of(engine, tokenizer, new Evaluation.Size(1, 2, 1, 2), text -> {}, () -> false);
            assertThatThrownBy(() ->
                            Evaluation.of(engine, tokenizer, new Evaluation.Size(1, 1, 1, 1), text -> {}, () -> true))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("cancelled");
        }
        double even = Math.log(900);
        Offset<Double> near = Offset.offset(0.35);
        assertThat(report.text().loss()).isCloseTo(even, near);
        assertThat(report.text().perplexity()).isCloseTo(Math.exp(report.text().loss()), Offset.offset(1e-6));
        assertThat(report.text().lossBound()).isBetween(0.2, 1.5);
        assertThat(report.copying().randomFirst()).isCloseTo(even, near);
        assertThat(report.copying().randomAgain()).isCloseTo(even, near);
        assertThat(report.stories().faultless()).isZero();
        assertThat(report.stories().faultlessStrictly()).isZero();
        assertThat(report.stories().strictFaults()).containsEntry("sentence", 2);
        assertThat(report.stories().told()).hasSize(2).allSatisfy(t -> assertThat(t.faults())
                .isNotEmpty());
        String opening = tales.document(Split.HELD_OUT, 1).split("\n\n")[0];
        assertThat(report.stories().told().get(1).text()).startsWith(opening);
        assertThat(report.stories().realFaultless()).isGreaterThan(0.7);
        assertThat(report.answers().exact()).isZero();
        assertThat(report.answers().chat())
                .containsKeys("where", "how_many", "all")
                .hasSize(9);
        assertThat(report.heads().onRandom()).hasSize(4);
        assertThat(report.heads().bestInduction()).isLessThan(0.1);
        assertThat(report.heads().onNames()).hasSize(4).allSatisfy(x -> assertThat(x)
                .isBetween(0.005, 0.3));
        assertThat(report.heads().clearOnStories()).isZero();
        assertThat(Json.write(report)).contains("\"won_per_token\"");
    }

    @Test
    void anAnswerIsRightWhenItSaysTheKeyAndNoOther() {
        Question where = new Question(
                Question.Kind.WHERE,
                "Where did Ida find the red hat?",
                "Ida found the red hat in the old mill.",
                "in the old mill",
                List.of("by the big pond", "in the cold barn"));
        assertThat(AnswerEvaluation.isRight(where, "Ida found the red hat in the old mill."))
                .isTrue();
        assertThat(AnswerEvaluation.isRight(where, " In the old mill. Then she went by the big pond."))
                .isTrue();
        assertThat(AnswerEvaluation.isRight(where, "Ida found the red hat in the cold barn."))
                .isFalse();
        assertThat(AnswerEvaluation.isRight(where, "It was in the old mill or by the big pond."))
                .isFalse();
        assertThat(AnswerEvaluation.isRight(where, "")).isFalse();
        Question did = new Question(
                Question.Kind.YES_NO, "Was Ida a fox?", "Ida was a bear, so no.", "so no", List.of("so yes"));
        assertThat(AnswerEvaluation.isRight(did, "Ida was a bear, so no.")).isTrue();
        assertThat(AnswerEvaluation.isRight(did, "No, Ida was a bear.")).isTrue();
        assertThat(AnswerEvaluation.isRight(did, "No. Ida was a bear.")).isTrue();
        assertThat(AnswerEvaluation.isRight(did, "Ida was a fox, so yes.")).isFalse();
        assertThat(AnswerEvaluation.isRight(did, "Yes, Ida was a fox.")).isFalse();
        assertThat(AnswerEvaluation.isRight(did, "Ida was a bear.")).isFalse();
        assertThat(AnswerEvaluation.isRight(did, "Yes and no.")).isFalse();
        assertThat(AnswerEvaluation.isRight(did, "Nobody was.")).isFalse();
    }
}
