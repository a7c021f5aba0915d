package org.llminspector.web.cli;

import java.io.PrintWriter;
import org.llminspector.base.Problem;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.inspect.CircuitsCommand;
import org.llminspector.web.cli.inspect.CostCommand;
import org.llminspector.web.cli.inspect.DirectionCommand;
import org.llminspector.web.cli.inspect.GradientsCommand;
import org.llminspector.web.cli.inspect.HeadsCommand;
import org.llminspector.web.cli.inspect.HooksCommand;
import org.llminspector.web.cli.inspect.NearCommand;
import org.llminspector.web.cli.inspect.NeuronCommand;
import org.llminspector.web.cli.inspect.PositionsCommand;
import org.llminspector.web.cli.inspect.QuantizeCommand;
import org.llminspector.web.cli.inspect.TensorsCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** Root of the command line: dispatches to a command, and prints errors as a few plain lines. */
@Command(
        name = "inspector",
        description = "Opens a real language model and lets you watch it think.",
        mixinStandardHelpOptions = true,
        versionProvider = InspectorCommand.VersionText.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            ServeCommand.class,
            RunCommand.class,
            RecaptureCommand.class,
            ExportCommand.class,
            HeadsCommand.class,
            CircuitsCommand.class,
            PositionsCommand.class,
            ModelsCommand.class,
            HooksCommand.class,
            TokenizeCommand.class,
            TensorsCommand.class,
            QuantizeCommand.class,
            PullCommand.class,
            TrainCommand.class,
            NeuronCommand.class,
            NearCommand.class,
            DirectionCommand.class,
            ScoreCommand.class,
            GradientsCommand.class,
            TalesCommand.class,
            EvaluateCommand.class,
            CompareCommand.class,
            AnalyseCommand.class,
            McpCommand.class,
            FlipsCommand.class,
            SweepCommand.class,
            CostCommand.class
        },
        footer = {
            "",
            "Examples:",
            "  inspector serve --model ./my-model --open",
            "  inspector run --prompt \"Once upon a time\" --max-new-tokens 20",
            "  inspector hooks",
            "  inspector compare --b precision=fp16 --prompt \"Once upon a time\"",
            "",
            "Files and folders:",
            "  ./model-cache            models, a folder each (LLM_INSPECTOR_MODELS)",
            "  ~/.llm-inspector/runs    every run and its captures (LLM_INSPECTOR_HOME)",
            "",
            "Exit codes:",
            "  0  done                       5  too large: memory, context or capture budget",
            "  1  the program failed         6  this model, engine or device cannot do it",
            "  2  the request is wrong       7  too many runs are waiting",
            "  3  not found                  8  the hub failed or gave a wrong file",
            "  4  contradicts what exists    9  what should be kept cannot be written",
            "  10 a comparison failed a --fail-if; 130  interrupted: what was made is kept",
            "",
            "'inspector COMMAND --help' tells more."
        })
public final class InspectorCommand {

    InspectorCommand() {}

    /** Runs one command to its end; returns the exit code. */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        return new CommandLine(new InspectorCommand())
                .setOut(out)
                .setErr(err)
                .setExpandAtFiles(false) // a prompt may begin with @
                .setUsageHelpAutoWidth(true)
                .setParameterExceptionHandler(InspectorCommand::wrongUsage)
                .setExecutionExceptionHandler((e, line, parsed) -> failed(e, line))
                .execute(args.length == 0 ? new String[] {"--help"} : args);
    }

    private static int wrongUsage(CommandLine.ParameterException e, String[] args) {
        CommandLine line = e.getCommandLine();
        if (e.getCause() instanceof Problem problem) return failed(problem, line);
        PrintWriter err = line.getErr();
        err.println("inspector: " + e.getMessage().replaceFirst("^Error: ", ""));
        CommandLine.UnmatchedArgumentException.printSuggestions(e, err);
        err.println("  help      " + line.getCommandSpec().qualifiedName() + " --help");
        err.flush();
        return Problem.Kind.INVALID.exitCode();
    }

    private static int failed(Exception e, CommandLine line) {
        PrintWriter err = line.getErr();
        int code = Problem.Kind.INTERNAL.exitCode();
        if (e instanceof Problem problem) {
            Lines.print(problem, err);
            code = problem.kind().exitCode();
        } else {
            err.println("inspector: the program failed: " + e);
            err.println("  instead   run it again with LLM_INSPECTOR_TRACE=1 to see where, and report it");
            if (System.getenv("LLM_INSPECTOR_TRACE") != null) e.printStackTrace(err);
        }
        err.flush();
        return code;
    }

    /** The program's version and what it runs on. */
    static final class VersionText implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return VersionLines.lines().toArray(String[]::new);
        }
    }
}
