package org.llminspector.spark;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.llminspector.base.Problem;

/** This machine's name, in problems that an executor reports. */
final class Host {

    private Host() {}

    static String name() {
        String given = System.getenv("INSPECTOR_HOST"); // where several executors share a machine
        if (given != null && !given.isBlank()) return given;
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "an unnamed host";
        }
    }

    /** A problem with this host's name before its place. */
    static Problem named(Problem p) {
        String host = "host " + name();
        if (p.where() != null && p.where().startsWith(host)) return p;
        return p.where(p.where() == null ? host : host + ", " + p.where());
    }
}
