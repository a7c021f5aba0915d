package org.llminspector.web.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.Message;
import org.llminspector.tokenize.Token;
import org.llminspector.web.server.http.StrictJson;

/** Conversions from option values to the values of a request. */
final class Arguments {

    private Arguments() {}

    static Precision precision(String text) {
        if (text == null) return null;
        return Arrays.stream(Precision.values())
                .filter(p -> p.name().equalsIgnoreCase(text))
                .findFirst()
                .orElseThrow(() -> Problem.invalid("there is no such precision")
                        .where("--precision")
                        .expected(Arrays.stream(Precision.values())
                                .map(p -> p.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", ")))
                        .found(text));
    }

    /**
     * The KV cache's formats: one for keys and values, or keys/values, {@code fp16/int8}.
     *
     * @param where the option's name, for errors
     */
    static KvFormats kvCache(String text, String where) {
        if (text == null) return null;
        String[] parts = text.split("/", -1);
        KvFormat key = parts.length > 2 ? null : kvFormat(parts[0]);
        KvFormat value = parts.length == 2 ? kvFormat(parts[1]) : key;
        if (key != null && value != null) return new KvFormats(key, value);
        throw Problem.invalid("there is no such cache")
                .where(where)
                .expected("fp32, fp16 or int8; or the keys' and the values': fp16/int8")
                .found(text);
    }

    private static KvFormat kvFormat(String text) {
        return Arrays.stream(KvFormat.values())
                .filter(f -> f.name().equalsIgnoreCase(text.strip()))
                .findFirst()
                .orElse(null);
    }

    /** Each argument is an intervention or a list of interventions, as JSON or as @FILE. */
    static List<Intervention> interventions(List<String> arguments) {
        if (arguments == null) return null;
        List<Intervention> all = new ArrayList<>();
        for (String argument : arguments) {
            String name = argument.startsWith("@") ? argument.substring(1) : "--intervene";
            JsonNode tree = StrictJson.tree(bytes(argument), name);
            if (!tree.isArray()) all.add(StrictJson.convert(tree, Intervention.class, name));
            else tree.forEach(one -> all.add(StrictJson.convert(one, Intervention.class, name)));
        }
        return all;
    }

    /** Each argument is ROLE=TEXT; the system message comes first. Null for none. */
    static List<Message> messages(String system, List<String> arguments) {
        if (arguments == null && system == null) return null;
        if (arguments == null) {
            throw Problem.invalid("a system message needs a conversation")
                    .where("--system")
                    .instead("give the turns with --message user=TEXT");
        }
        List<Message> messages = new ArrayList<>();
        if (system != null) messages.add(new Message("system", system));
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            if (equals < 1) {
                throw Problem.invalid("the message has no role")
                        .where("--message")
                        .expected("ROLE=TEXT, such as user=Hello")
                        .found(Problem.shown(argument));
            }
            messages.add(new Message(argument.substring(0, equals), argument.substring(equals + 1)));
        }
        return messages;
    }

    /** A precision plan as JSON or as @FILE. */
    static PrecisionPlan plan(String argument) {
        if (argument == null) return null;
        String name = argument.startsWith("@") ? argument.substring(1) : "--precision-plan";
        return StrictJson.convert(StrictJson.tree(bytes(argument), name), PrecisionPlan.class, name);
    }

    /** Each argument is an id, or a text that is one token. */
    static List<Integer> ids(Inspector inspector, String slug, List<String> tokens) {
        List<Integer> ids = new ArrayList<>();
        for (String t : tokens) {
            if (t.matches("\\d{1,9}")) {
                ids.add(Integer.parseInt(t));
                continue;
            }
            List<Token> cut = inspector.models().tokenizer(slug).encode(t, false);
            if (cut.size() != 1) {
                throw Problem.invalid("this is not one token")
                        .where("TOKEN " + Problem.shown(t))
                        .expected("a text of one token, or an id")
                        .found(cut.stream().map(Token::text).toList())
                        .instead("a word usually has its space before it: ' word'");
            }
            ids.add(cut.get(0).id());
        }
        return ids;
    }

    /** A head written as LAYER.HEAD. */
    static int[] head(String text, String where) {
        if (text.matches("\\d{1,6}\\.\\d{1,6}")) {
            return Arrays.stream(text.split("\\.")).mapToInt(Integer::parseInt).toArray();
        }
        throw Problem.invalid("this is not a head")
                .where(where)
                .expected("LAYER.HEAD, such as 3.1")
                .found(Problem.shown(text));
    }

    private static byte[] bytes(String argument) {
        if (!argument.startsWith("@")) return argument.getBytes(StandardCharsets.UTF_8);
        return Reads.argument(Path.of(argument.substring(1)), Reads.JSON);
    }
}
