package org.llminspector.hub;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.DisplayNames;

/**
 * Proxy selector for {@code HTTPS_PROXY}, {@code HTTP_PROXY} and {@code ALL_PROXY}, except for hosts in {@code
 * NO_PROXY}: Python reads these, Java does not. Without them Java's own settings apply.
 */
final class EnvironmentProxy extends ProxySelector {

    private final Map<String, String> env;

    private EnvironmentProxy(Map<String, String> env) {
        this.env = env;
    }

    static ProxySelector of(Map<String, String> env) {
        EnvironmentProxy proxy = new EnvironmentProxy(env);
        boolean any = proxy.value("HTTPS_PROXY") != null
                || proxy.value("HTTP_PROXY") != null
                || proxy.value("ALL_PROXY") != null;
        return any ? proxy : ProxySelector.getDefault();
    }

    /** @throws Problem where the environment names an unsupported proxy */
    @Override
    public List<Proxy> select(URI uri) {
        String name = uri.getScheme().equalsIgnoreCase("https") ? "HTTPS_PROXY" : "HTTP_PROXY";
        if (value(name) == null) name = "ALL_PROXY";
        String named = value(name);
        if (named == null || excluded(uri.getHost())) return List.of(Proxy.NO_PROXY);
        URI proxy = address(name, named);
        int port = proxy.getPort() < 0 ? 80 : proxy.getPort();
        return List.of(new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(proxy.getHost(), port)));
    }

    /** Java's HTTP client only speaks plain HTTP to a proxy, even to a SOCKS port. */
    private static URI address(String name, String named) {
        try {
            URI proxy = URI.create(named.contains("://") ? named : "http://" + named);
            if (proxy.getHost() != null && "http".equalsIgnoreCase(proxy.getScheme())) return proxy;
        } catch (IllegalArgumentException e) {
            // Refused below.
        }
        throw Problem.unsupported("this proxy cannot be used")
                .where(name)
                .expected("http://HOST:PORT; SOCKS proxies, and proxies reached over TLS, are not spoken to")
                .found(DisplayNames.name(named.replaceFirst("//[^/@]*@", "//...@")))
                .instead("name an HTTP proxy in HTTPS_PROXY, or the hub's host in NO_PROXY");
    }

    /**
     * Local addresses, as in Java's own settings, and {@code NO_PROXY}: hosts and their subdomains; {@code *} is all.
     */
    private boolean excluded(String host) {
        String name = host.toLowerCase(Locale.ROOT);
        if (name.equals("localhost") || name.startsWith("127.") || name.equals("[::1]")) return true;
        String none = value("NO_PROXY");
        if (none == null) return false;
        for (String part : none.toLowerCase(Locale.ROOT).split(",", -1)) {
            String entry = part.strip().replaceFirst("^\\*?\\.", "").replaceFirst(":[0-9]+$", "");
            if (entry.isEmpty()) continue;
            if (entry.equals("*") || name.equals(entry) || name.endsWith("." + entry)) return true;
        }
        return false;
    }

    private String value(String name) {
        String value = env.get(name.toLowerCase(Locale.ROOT));
        if (value == null || value.isBlank()) value = env.get(name);
        return value == null || value.isBlank() ? null : value.strip();
    }

    @Override
    public void connectFailed(URI uri, SocketAddress address, IOException e) {
        // The request itself fails and reports it.
    }
}
