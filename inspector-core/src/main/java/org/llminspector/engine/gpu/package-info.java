/**
 * Engine.gpu is what NVIDIA's driver tells of the machine's GPUs, without taking any of their memory.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.engine.gpu;
