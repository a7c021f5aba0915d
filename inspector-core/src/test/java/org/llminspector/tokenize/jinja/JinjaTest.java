package org.llminspector.tokenize.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

class JinjaTest {

    private static final Clock CLOCK = Clock.fixed(Instant.parse("2025-11-25T09:05:07Z"), ZoneOffset.UTC);

    /** 260 templates of one thing each, every argument of every filter among them, and 300 of random whitespace. */
    @Test
    void rendersAsJinja2() {
        JsonNode golden = Json.readObject(Path.of("src/test/resources/chat/jinja.json"));
        Map<String, Object> variables = new HashMap<>();
        golden.get("variables")
                .properties()
                .forEach(e -> variables.put(e.getKey(), e.getValue().asText()));
        variables.put("messages", Json.mapper().convertValue(golden.get("messages"), List.class));
        variables.put("add_generation_prompt", true);
        variables.put("tools", null);
        variables.put("documents", null);
        SoftAssertions soft = new SoftAssertions();
        for (JsonNode c : golden.get("cases")) {
            String template = c.get("template").asText();
            if (c.has("text")) {
                soft.assertThat(outcome(template, variables))
                        .as(template)
                        .isEqualTo(c.get("text").asText());
            } else {
                soft.assertThatThrownBy(
                                () -> Jinja.compile(template, "file", CLOCK).render(variables))
                        .as(template)
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining(
                                c.get("raised").asBoolean() ? c.get("error").asText() : "file");
            }
        }
        soft.assertAll();
    }

    private static String outcome(String template, Map<String, Object> variables) {
        try {
            return Jinja.compile(template, "file", CLOCK).render(variables);
        } catch (Problem p) {
            return "!" + p.getMessage();
        }
    }

    /** What we do not do as Jinja2 does is refused, by its name: nothing is written in another way. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ 2 ** 3 }}",
                "{{ 'a' | format }}",
                "{% with a = 1 %}{% endwith %}",
                "{% filter upper %}{% endfilter %}",
                "{% call f() %}{% endcall %}",
                "{% block a %}{% endblock %}",
                "{% do x %}",
                "{{ 'a-b'.partition('-') }}",
                "{{ '%05.2f' % 1.5 }}",
                "{{ [1] | tojson(default=1) | urlize }}",
                "{{ 1 is sameas 1 }}",
                "{{ [1,2,3,4][::2] }}",
                "{{ 'abcabc'.find('a', 1) }}",
                "{{ 'abc'.startswith('b', 1) }}",
                "{{ 'aaa'.count('a', 1, 2) }}",
                "{{ 'a b'.rsplit() }}",
                "{{ [1,2].index(2, 1) }}",
                "{{ '99999999999999999999' | int }}",
                "{{ 'a' | indent(1000000) }}",
                "{{ [1] | tojson(indent=100000) }}"
            })
    void refusesWhatItDoesNotKnow(String template) {
        assertThatThrownBy(() -> Jinja.compile(template, "file", CLOCK).render(Map.of()))
                .isInstanceOf(Problem.class);
    }

    /** No file, no class, nothing of the interpreter. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% include 'pom.xml' %}",
                "{% import 'pom.xml' as x %}",
                "{% from 'pom.xml' import x %}",
                "{% extends 'pom.xml' %}",
                "{{ ''.getClass() }}",
                "{{ ''.class }}{{ ''.class.forName('java.lang.Runtime') }}",
                "{{ messages.getClass() }}",
                "{{ messages[0].class.name.x }}",
                "{{ ____int3rpr3t3r____.config }}",
                "{{ ''.__class__.__mro__ }}",
                "{{ x.__init__.__globals__ }}",
                "{{ range.call([], {}) }}",
                "{{ range.getClass() }}",
                "{{ messages.append(1) }}",
                "{{ messages[0].update({'role': 'x'}) }}",
                "{{ 'x' | xmlattr }}",
                "{{ type(1) }}",
                "{{ today() }}",
                "{{ namespace().getClass() }}",
                "{{ loop.getClass() }}",
                "{{ filter:upper.filter('a', 1) }}",
                "{{ exptest:defined.evaluate(1) }}"
            })
    void aTemplateReachesNothing(String template) {
        Map<String, Object> variables = Map.of("messages", List.of(Map.of("role", "user")));
        assertThatThrownBy(() -> Jinja.compile(template, "file", CLOCK).render(variables))
                .isInstanceOf(Problem.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
                "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
                "{% set ns = namespace(x='x') %}{% for a in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                "{% set ns = namespace(x=['x']) %}{% for a in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
                "{% set ns = namespace(x='x') %}{% for a in range(100) %}{% set ns.x = ns.x.replace('x', 'xxxxxxxxxx') %}{% endfor %}",
                "{{ 'x' * 1000000000 }}",
                "{{ 'x' * 9223372036854775807 }}",
                "{{ ('x' * 4000000).replace('x', 'y' * 4000000) }}",
                "{% set x = 'x' * 4000000 %}{% for a in range(1000) %}{% set y = x ~ a %}{% endfor %}",
                "{% set ns = namespace(l=[]) %}{% for a in range(1000) %}{% set ns.l = ns.l + ['x' * 1000000 ~ a] %}{% endfor %}",
                "{% set l = ['x' * 1000000] %}{{ l + l + l + l + l + l }}",
                "{{ range(1000000000) | list | length }}",
                "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
                "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
                "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns | tojson }}",
                "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}",
                "{{ ('a\n' * 100000) | indent(1000) }}"
            })
    void aTemplateEnds(String template) {
        Assertions.assertThatCode(() -> org.junit.jupiter.api.Assertions.assertTimeoutPreemptively(
                        Duration.ofSeconds(10), () -> assertThatThrownBy(() ->
                                        Jinja.compile(template, "file", CLOCK).render(Map.of()))
                                .isInstanceOf(Problem.class)))
                .doesNotThrowAnyException();
    }

    @Test
    void deepNestingIsAProblem() {
        for (String template : List.of(
                "{{ " + "(".repeat(5_000) + "1" + ")".repeat(5_000) + " }}",
                "{% if true %}".repeat(20_000) + "{% endif %}".repeat(20_000),
                "{{ " + "not ".repeat(200_000) + "1 }}",
                "{{ 1" + " if 1 else 1".repeat(100_000) + " }}")) {
            assertThatThrownBy(() -> Jinja.compile(template, "file", CLOCK).render(Map.of()))
                    .isInstanceOf(Problem.class);
        }
        assertThatThrownBy(() -> Jinja.compile(" ".repeat(2_000_000), "file", CLOCK))
                .isInstanceOf(Problem.class);
    }

    /** What a message says is never read as a template. */
    @Test
    void aMessageIsOnlyText() {
        String hostile = "{{ 7 * 7 }}{% for x in y %}{# #}{{ raise_exception('x') }}";
        Jinja jinja = Jinja.compile("{{ m }}{{ m | trim }}{{ '{{ 1 }}' }}", "file", CLOCK);
        assertThat(jinja.render(Map.of("m", hostile))).isEqualTo(hostile + hostile + "{{ 1 }}");
    }

    @Test
    void aTemplateRendersAgainAndAgain() throws Exception {
        Jinja jinja = Jinja.compile(
                "{% macro f(x) %}<{{ x }}>{% endmacro %}{% for m in l %}{% if m == 3 %}{% break %}{% endif %}{{ f(m) }}{% endfor %}",
                "file", CLOCK);
        List<Thread> threads = new java.util.ArrayList<>();
        List<String> out = java.util.Collections.synchronizedList(new java.util.ArrayList<>());
        for (int i = 0; i < 4; i++) {
            threads.add(new Thread(() -> {
                for (int n = 0; n < 100; n++) out.add(jinja.render(Map.of("l", List.of(1, 2, 3, 4))));
            }));
        }
        threads.forEach(Thread::start);
        for (Thread t : threads) t.join();
        assertThat(out).hasSize(400).containsOnly("<1><2>");
    }
}
