package org.llminspector.web.mcp;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.Precision;
import org.llminspector.run.inspect.Tokenizations;
import org.llminspector.run.models.HookDescription;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Tokenization;

/** Tools about models: which there are, what one is, how it splits a text. */
final class ModelTools implements Tool.Group {

    private static final int MOST_MODELS = 100;
    private static final int MOST_TOKENS = 200;

    record None() {}

    record Open(String model, String engine, Precision precision) {}

    record Text(String text, String model, Boolean addSpecialTokens) {}

    record Listed(
            String model, String family, int layers, int dModel, long parameters, Boolean isDefault, String trouble) {}

    record Opened(
            String model,
            String family,
            int layers,
            int dModel,
            int vocab,
            int maxContext,
            EngineInfo engine,
            Map<String, String> hooks,
            String layersOfHooks) {}

    /** @param tokens of each its id and text */
    record Split(int count, List<List<Object>> tokens, String omitted) {}

    private final Models models;
    private final Tokenizations tokenizations;

    ModelTools(Models models, Tokenizations tokenizations) {
        this.models = models;
        this.tokenizations = tokenizations;
    }

    @Override
    public List<Tool> tools() {
        return List.of(
                Tool.reading(
                        "models",
                        "Lists the language models on this machine: family, layers, d_model, parameters.",
                        new Schema(),
                        None.class,
                        (none, steps) -> list()),
                Tool.reading(
                        "open",
                        "Opens a model and says what it is: sizes, engine, and its hooks (values that can be captured or"
                                + " changed) with their shapes. {i} stands for a layer.",
                        new Schema().model(),
                        Open.class,
                        this::open),
                Tool.reading(
                        "tokenize",
                        "Splits a text with a model's tokenizer: [id, token] pairs in order. Positions in other tools count"
                                + " these, from 0.",
                        new Schema()
                                .text("text", "The text to split.")
                                .text("model", "Default: the default model.")
                                .truth("add_special_tokens", "Whether BOS and the like are added. Default: true.")
                                .required("text"),
                        Text.class,
                        (text, steps) -> split(text)));
    }

    private Map<String, Object> list() {
        List<Models.ModelSummary> all = models.list();
        List<Listed> shown = all.stream()
                .limit(MOST_MODELS)
                .map(m -> new Listed(
                        m.slug(),
                        m.family(),
                        m.nLayers(),
                        m.dModel(),
                        m.parameters(),
                        m.isDefault() ? true : null,
                        m.trouble()))
                .toList();
        return Map.of("count", all.size(), "models", shown);
    }

    private Opened open(Open wanted, Tool.Steps steps) {
        RunRequest request = RunRequest.builder()
                .model(wanted.model())
                .engine(wanted.engine())
                .precision(wanted.precision())
                .build();
        EngineInfo engine = models.load(request, p -> steps.at(p.done(), p.of(), "opening the model"), () -> false);
        String slug = models.orDefault(wanted.model());
        Models.ModelDetails details = models.details(slug);
        int n = details.spec().nLayers();
        Map<String, String> hooks = new LinkedHashMap<>();
        for (HookDescription h : models.hooks(slug, engine.name())) {
            if (!h.available()) continue;
            boolean some = !h.layers().isEmpty() && h.layers().size() < n;
            hooks.put(h.name(), shape(h.shape()) + (some ? ", layers " + h.layers() : ""));
        }
        return new Opened(
                slug,
                details.summary().family(),
                n,
                details.spec().dModel(),
                details.spec().vocab(),
                details.spec().maxContext(),
                engine,
                hooks,
                "0 to " + (n - 1));
    }

    private static String shape(List<Object> shape) {
        return String.join(" x ", shape.stream().map(String::valueOf).toList());
    }

    private Split split(Text asked) {
        if (asked.text() == null) {
            throw Problem.invalid("there is no text").where("text").expected("the text to split");
        }
        boolean special = asked.addSpecialTokens() == null || asked.addSpecialTokens();
        Tokenizations.Choice choice =
                new Tokenizations.Choice(models.orDefault(asked.model()), null, false, special, false);
        Tokenization split =
                tokenizations.of(asked.text(), List.of(choice)).get(0).tokenization();
        Map<Integer, String> texts = new LinkedHashMap<>();
        split.pieces().forEach(p -> texts.put(p.id(), p.text()));
        List<List<Object>> tokens = new ArrayList<>();
        for (int id : split.ids()) {
            if (tokens.size() == MOST_TOKENS) break;
            tokens.add(List.of(id, texts.get(id)));
        }
        int more = split.ids().length - tokens.size();
        return new Split(split.ids().length, tokens, more > 0 ? more + " more tokens" : null);
    }
}
