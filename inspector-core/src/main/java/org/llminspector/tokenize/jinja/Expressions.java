package org.llminspector.tokenize.jinja;

import com.hubspot.jinjava.el.ExtendedSyntaxBuilder;
import java.util.Properties;
import jinjava.de.odysseus.el.ExpressionFactoryImpl;
import jinjava.de.odysseus.el.tree.Bindings;
import jinjava.de.odysseus.el.tree.Node;
import jinjava.de.odysseus.el.tree.TreeBuilder;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Parser;
import jinjava.de.odysseus.el.tree.impl.ast.AstRightValue;
import jinjava.javax.el.ELContext;

/** Expressions makes jinjava's expression factory read Jinja2's grammar: it keeps what it has parsed. */
final class Expressions {

    static final ExpressionFactoryImpl FACTORY = new ExpressionFactoryImpl(new Properties()) {
        @Override
        protected TreeBuilder createTreeBuilder(Properties properties, Builder.Feature... features) {
            return new Syntax(features);
        }
    };

    private Expressions() {}

    /** Eval is what an expression does. */
    interface Eval {
        Object of(Interpreter in);
    }

    /** Code is a node of the expression tree. */
    static final class Code extends AstRightValue {
        private final Eval eval;

        Code(Eval eval) {
            this.eval = eval;
        }

        Object run(Interpreter in) {
            return eval.of(in);
        }

        @Override
        public Object eval(Bindings bindings, ELContext context) {
            return eval.of(Interpreter.current());
        }

        @Override
        public void appendStructure(StringBuilder out, Bindings bindings) {
            out.append("code");
        }

        @Override
        public int getCardinality() {
            return 0;
        }

        @Override
        public Node getChild(int i) {
            return null;
        }
    }

    private static final class Syntax extends ExtendedSyntaxBuilder {
        private static final long serialVersionUID = 1L;

        Syntax(Feature... features) {
            super(features);
        }

        @Override
        protected Parser createParser(String expression) {
            return new Grammar(this, expression);
        }
    }
}
