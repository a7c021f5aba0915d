package org.llminspector.run;

import java.util.function.Supplier;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.run.inspect.Directions;
import org.llminspector.run.inspect.RunAnalyses;
import org.llminspector.run.inspect.TableFacts;
import org.llminspector.run.inspect.Tokenizations;
import org.llminspector.run.inspect.cost.Benchmarks;
import org.llminspector.run.inspect.cost.Costs;
import org.llminspector.run.inspect.cost.Timelines;
import org.llminspector.run.inspect.embeddings.Embeddings;
import org.llminspector.run.inspect.heads.HeadCircuits;
import org.llminspector.run.inspect.heads.Heads;
import org.llminspector.run.inspect.heads.LogitAttribution;
import org.llminspector.run.inspect.heads.RecurrentHeads;
import org.llminspector.run.inspect.neurons.AdditionFourier;
import org.llminspector.run.inspect.neurons.FeedForwards;
import org.llminspector.run.inspect.neurons.NeuronActivations;
import org.llminspector.run.inspect.neurons.Neurons;
import org.llminspector.run.inspect.positions.HeadDistances;
import org.llminspector.run.inspect.positions.Positions;
import org.llminspector.run.inspect.positions.PromptShifts;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;

/**
 * Analyses of runs, models and texts: one entry a question, each a room of {@code run.inspect}. Every one is
 * thread-safe.
 *
 * @param runs the lens and other readings of a stored run
 * @param tokenizations one text under several tokenizers
 * @param directions directions that tell two groups of texts apart
 * @param neurons single neurons of a run
 * @param feedForwards feed-forward parts of a run
 * @param activations one neuron over a text
 * @param fourier Fourier analysis of modular-addition models
 * @param embeddings queries on embedding and unembedding matrices
 * @param heads all attention heads of a run
 * @param recurrences effective attention of a run's recurrent layers
 * @param attribution what each part of a run adds to a logit
 * @param circuits QK and OV circuits of heads, from weights alone
 * @param positions position encodings of models
 * @param distances a run's attention scores at other distances
 * @param shifts a run's prompt at shifted positions
 * @param costs parameters, FLOPs and bytes of a model's parts
 * @param timelines measured times of a model's parts
 * @param benchmarks prefill and decode times at several lengths
 */
public record Analyses(
        RunAnalyses runs,
        Tokenizations tokenizations,
        Directions directions,
        Neurons neurons,
        FeedForwards feedForwards,
        NeuronActivations activations,
        AdditionFourier fourier,
        Embeddings embeddings,
        Heads heads,
        RecurrentHeads recurrences,
        LogitAttribution attribution,
        HeadCircuits circuits,
        Positions positions,
        HeadDistances distances,
        PromptShifts shifts,
        Costs costs,
        Timelines timelines,
        Benchmarks benchmarks) {

    /** @param standard the default model's slug */
    static Analyses of(
            OpenModels models,
            RunStore store,
            RunQueue queue,
            CaptureBudget budget,
            Recaptures recaptures,
            Supplier<String> standard) {
        TableFacts facts = new TableFacts();
        Timelines timelines = new Timelines(models, store, queue, budget, standard);
        return new Analyses(
                new RunAnalyses(models, store, queue, recaptures),
                new Tokenizations(models),
                new Directions(models, store, queue, budget),
                new Neurons(models, store, recaptures),
                new FeedForwards(models, store, recaptures, facts),
                new NeuronActivations(models, queue),
                new AdditionFourier(models, queue),
                new Embeddings(models, store, recaptures, facts),
                new Heads(models, store, queue, recaptures),
                new RecurrentHeads(models, store, recaptures),
                new LogitAttribution(models, store, recaptures),
                new HeadCircuits(models),
                new Positions(models),
                new HeadDistances(models, store, recaptures),
                new PromptShifts(models, store, queue),
                new Costs(models, standard),
                timelines,
                new Benchmarks(models, queue, timelines));
    }
}
