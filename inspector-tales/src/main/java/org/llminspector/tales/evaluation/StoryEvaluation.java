package org.llminspector.tales.evaluation;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GenerateOptionsBuilder;
import org.llminspector.generate.GenerationLoop;
import org.llminspector.tales.check.Fault;
import org.llminspector.tales.check.Proofreader;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.plot.Tale;
import org.llminspector.train.corpus.Corpus.Split;

/** Samples continuations of held-out stories' first paragraphs, and proofreads them. */
final class StoryEvaluation {

    private static final double TEMPERATURE = 0.8;
    private static final double TOP_P = 0.95;

    private StoryEvaluation() {}

    static EvaluationReport.Stories run(EvaluatedModel model, Tales tales, int stories) {
        Proofreader proofreader = new Proofreader(tales);
        Proofreader strict = proofreader.strict();
        Map<String, Integer> faults = new TreeMap<>();
        Map<String, Integer> strictFaults = new TreeMap<>();
        Map<String, Integer> sentences = new HashMap<>();
        int ended = 0;
        int heroKept = 0;
        int faultless = 0;
        int faultlessStrictly = 0;
        int faultlessAtTopP = 0;
        int realFaultless = 0;
        long tokens = 0;
        List<Set<Fault>> all = new ArrayList<>();
        List<EvaluationReport.GeneratedStory> each = new ArrayList<>();
        for (int i = 0; i < stories; i++) {
            Tale tale = tales.tale(Split.HELD_OUT, i);
            String opening = tale.text().substring(0, tale.text().indexOf("\n\n"));
            GenerationLoop.Result generated = model.generate(model.begin(opening), sampling(model.context(), i, 1));
            tokens += generated.tokens().size();
            boolean finished = generated.finishReason().equals("eos");
            if (finished) ended++;
            if (generated.text().contains(tale.hero().name())) heroKept++;
            Set<Fault> found = faults(proofreader, opening, generated);
            all.add(found);
            if (found.isEmpty()) faultless++;
            Set<Fault> strictly = faults(strict, opening, generated);
            if (strictly.isEmpty()) faultlessStrictly++;
            for (String kind : names(strictly)) strictFaults.merge(kind, 1, Integer::sum);
            GenerationLoop.Result likelier = model.generate(model.begin(opening), sampling(model.context(), i, TOP_P));
            if (faults(proofreader, opening, likelier).isEmpty()) faultlessAtTopP++;
            List<String> kinds = names(found);
            for (String kind : kinds) faults.merge(kind, 1, Integer::sum);
            each.add(new EvaluationReport.GeneratedStory(opening + generated.text(), kinds));
            for (String s : generated.text().split("(?<=[.!?]\"?)\\s+")) sentences.merge(s, 1, Integer::sum);
            if (proofreader.faults(tale.text()).isEmpty()) realFaultless++;
        }
        long once = sentences.values().stream().filter(n -> n == 1).count();
        long said = sentences.values().stream().mapToLong(Integer::longValue).sum();
        return new EvaluationReport.Stories(
                stories,
                "temperature " + TEMPERATURE + ", seed = the story's index",
                ended / (double) stories,
                without(all, Fault.NAME),
                heroKept / (double) stories,
                without(all, Fault.PRONOUN),
                faultless / (double) stories,
                TOP_P,
                faultlessAtTopP / (double) stories,
                faults,
                faultlessStrictly / (double) stories,
                strictFaults,
                realFaultless / (double) stories,
                once / (double) said,
                tokens / (double) stories,
                each);
    }

    private static List<String> names(Set<Fault> faults) {
        return faults.stream().map(f -> f.name().toLowerCase(Locale.ROOT)).toList();
    }

    private static Set<Fault> faults(Proofreader proofreader, String opening, GenerationLoop.Result generated) {
        Set<Fault> found = EnumSet.noneOf(Fault.class);
        found.addAll(proofreader.faults(opening + generated.text()));
        if (!generated.finishReason().equals("eos")) found.add(Fault.UNFINISHED);
        return found;
    }

    private static double without(List<Set<Fault>> stories, Fault fault) {
        return stories.stream().filter(f -> !f.contains(fault)).count() / (double) stories.size();
    }

    private static GenerateOptions sampling(int most, long seed, double topP) {
        return GenerateOptionsBuilder.builder()
                .maxNewTokens(most)
                .greedy(false)
                .temperature(TEMPERATURE)
                .topP(topP)
                .seed(seed)
                .alternatives(0)
                .build();
    }
}
