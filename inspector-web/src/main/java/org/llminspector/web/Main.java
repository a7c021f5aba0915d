package org.llminspector.web;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.llminspector.web.cli.InspectorCommand;
import org.llminspector.web.cli.VersionLines;

/** The program's entry point. */
public final class Main {

    private Main() {}

    public static void main(String[] args) {
        if (VersionLines.asked(args)) {
            VersionLines.lines().forEach(utf8(FileDescriptor.out)::println);
            return;
        }
        System.exit(InspectorCommand.run(utf8(FileDescriptor.out), utf8(FileDescriptor.err), args));
    }

    private static PrintWriter utf8(FileDescriptor to) {
        return new PrintWriter(new FileOutputStream(to), true, StandardCharsets.UTF_8);
    }
}
