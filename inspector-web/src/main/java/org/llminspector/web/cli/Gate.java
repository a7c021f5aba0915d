package org.llminspector.web.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.store.ComparisonManifest;

/**
 * One condition under which a comparison fails, such as {@code mean_kld>0.02}.
 *
 * @param condition as it was written
 * @param name a mean over the corpus or one end of its interval ({@code mean_kld.high}), where there is a corpus; a
 *     measure of the text (of the prompt, where there is no text); or a path into the comparison's JSON, such as
 *     {@code b.cost.weight_bytes}
 * @param sign {@code >}, {@code >=}, {@code <} or {@code <=}
 */
record Gate(String condition, String name, String sign, double bound) {

    /** The exit code where a gate fails; no Problem uses it. */
    static final int EXIT_CODE = 10;

    private static final Pattern FORM =
            Pattern.compile("\\s*([a-z0-9_.]+)\\s*(>=|<=|>|<)\\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\\s*");

    /** Measures that are a single number. */
    private static final Set<String> MEASURES = Arrays.stream(OutputMeasures.class.getRecordComponents())
            .filter(c -> c.getType() != List.class)
            .map(c -> c.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT))
            .collect(Collectors.toUnmodifiableSet());

    /** Means over a corpus: numbers that a condition may name alone, or with .low or .high. */
    static final Set<String> CORPUS = Set.of("mean_kld", "reverse_kld", "delta_nll", "same_top");

    /** @param found null where the comparison has no such number */
    record Outcome(Gate gate, Double found, boolean failed) {

        /** A missing number (infinite in JSON) fails every gate. */
        String message() {
            return gate.name() + " is " + (found == null ? "no number" : String.valueOf(found)) + ", and fails "
                    + gate.sign() + " " + gate.bound();
        }
    }

    static Gate parse(String text) {
        Set<String> names = new TreeSet<>(MEASURES);
        names.addAll(CORPUS);
        return parse(text, names);
    }

    /** Refuses a condition on a corpus where there is none. */
    void checkCorpus(boolean corpus) {
        if (corpus || !ofCorpus() || (!name.contains(".") && MEASURES.contains(name))) return;
        throw Problem.invalid("this condition is on a corpus")
                .where("--fail-if")
                .expected("--corpus too")
                .found(condition)
                .instead("without one: " + MEASURES.stream().sorted().collect(Collectors.joining(", ")));
    }

    private boolean ofCorpus() {
        return CORPUS.contains(name.replaceFirst("\\..*", ""));
    }

    /** @param names what may stand there alone; any path with a dot may too */
    static Gate parse(String text, Set<String> names) {
        Matcher m = FORM.matcher(text);
        if (!m.matches()) throw wrong(text, "NAME>NUMBER, or >=, <, <=, such as mean_kld>0.02");
        String name = m.group(1);
        if (!name.contains(".") && !names.contains(name)) {
            throw wrong(
                    text,
                    "one of " + names.stream().sorted().collect(Collectors.joining(", "))
                            + ", or a path into the JSON that --json prints, such as b.cost.weight_bytes");
        }
        try {
            return new Gate(text.trim(), name, m.group(2), Double.parseDouble(m.group(3)));
        } catch (NumberFormatException e) {
            throw wrong(text, "a number after " + m.group(2));
        }
    }

    private static Problem wrong(String text, String expected) {
        return Problem.invalid("this is no condition")
                .where("--fail-if")
                .expected(expected)
                .found(Problem.shown(text));
    }

    /** Evaluates the gate on a comparison, on the result of a comparison with a file, or on numbers by name. */
    Outcome of(Object comparison) {
        JsonNode whole = Json.mapper().valueToTree(comparison);
        JsonNode json = ofCorpus() && whole.has("corpus") ? whole.at("/corpus/divergence") : whole;
        JsonNode measures = json.has("measures")
                ? json.path("measures")
                : json.has("text") ? json.at("/text/measures") : json.has("prompt") ? json.path("prompt") : json;
        JsonNode at = name.contains(".") ? json.at("/" + name.replace('.', '/')) : measures.path(name);
        if (at.has("value")) at = at.path("value");
        if (!at.isNumber()
                && name.contains(".")
                && json.at("/" + name.substring(0, name.indexOf('.'))).isMissingNode()) {
            throw wrong(condition, "a path into the JSON that --json prints");
        }
        Double found = at.isNumber() ? at.asDouble() : null;
        boolean failed = found == null
                || switch (sign) {
                    case ">" -> found > bound;
                    case ">=" -> found >= bound;
                    case "<" -> found < bound;
                    default -> found <= bound;
                };
        return new Outcome(this, found, failed);
    }

    /** Writes the outcomes as a JUnit report, one test per gate, for CI systems. */
    static void junit(Path file, ComparisonManifest m, List<Outcome> outcomes) throws IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            XMLStreamWriter xml = XMLOutputFactory.newFactory().createXMLStreamWriter(out, "UTF-8");
            xml.writeStartDocument("UTF-8", "1.0");
            xml.writeStartElement("testsuite");
            xml.writeAttribute(
                    "name",
                    "inspector compare " + m.a().model().slug() + " "
                            + m.b().model().slug());
            xml.writeAttribute("tests", String.valueOf(outcomes.size()));
            xml.writeAttribute(
                    "failures",
                    String.valueOf(outcomes.stream().filter(Outcome::failed).count()));
            xml.writeAttribute("errors", "0");
            xml.writeAttribute("timestamp", m.created());
            xml.writeAttribute("time", String.format(Locale.ROOT, "%.3f", m.totalMs() / 1e3));
            for (Outcome o : outcomes) {
                xml.writeStartElement("testcase");
                xml.writeAttribute("classname", "comparison " + m.id());
                xml.writeAttribute("name", "not " + o.gate().condition());
                if (o.failed()) {
                    xml.writeStartElement("failure");
                    xml.writeAttribute("message", o.message());
                    xml.writeEndElement();
                }
                xml.writeEndElement();
            }
            xml.writeEndElement();
            xml.writeEndDocument();
            xml.close();
        } catch (XMLStreamException e) {
            throw new IOException(e);
        }
    }
}
