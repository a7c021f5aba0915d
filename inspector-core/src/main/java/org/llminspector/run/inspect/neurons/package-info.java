/** Neurons and feed-forward parts: activations, what they read and write, Fourier analysis of modular addition. */
package org.llminspector.run.inspect.neurons;
