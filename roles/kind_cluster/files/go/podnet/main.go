// podnet is the Pod network of a kind cluster: the CNI configuration of its node, a route to every other
// node's Pods, and masquerading for what leaves the cluster.
package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	chain = "PODPATTERNS-MASQ"
	// kube-proxy marks what it must masquerade itself, such as a Pod that reaches itself by its Service.
	kubeProxyMark = "0x4000/0x4000"
	resync        = 30 * time.Second
	cniDirectory  = "/etc/cni/net.d"
)

var cniTemplate = template.Must(template.New("cni").Parse(`{
  "cniVersion": "0.3.1",
  "name": "podnet",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": "{{.PodCIDR}}"}]]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`))

func main() {
	self, podSubnet := os.Getenv("NODE_NAME"), os.Getenv("POD_SUBNET")
	if self == "" || podSubnet == "" {
		log.Fatal("NODE_NAME and POD_SUBNET must be set")
	}
	if err := masquerade(podSubnet); err != nil {
		log.Fatal(err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	if err := awaitServices(config); err != nil {
		log.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}

	stop := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { <-signals; close(stop) }()

	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	nodes := factory.Core().V1().Nodes()
	if _, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	}); err != nil {
		log.Fatal(err)
	}
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	ticker := time.NewTicker(resync)
	defer ticker.Stop()
	for {
		if err := join(self, nodes.Lister()); err != nil {
			log.Print(err)
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-stop:
			return
		}
	}
}

// awaitServices returns once kube-proxy has made the API server's Service reachable. A connection tried before
// that would hang until its time-out, or be answered by somebody outside, so every attempt is a new one and asks
// for the cluster's certificate. As no Pod gets a network before the CNI configuration is written, no Pod's first
// connection is lost either.
func awaitServices(config *rest.Config) error {
	trust, err := rest.TLSConfigFor(config)
	if err != nil {
		return err
	}
	dialer := &net.Dialer{Timeout: 500 * time.Millisecond}
	address := strings.TrimPrefix(config.Host, "https://")
	for {
		connection, err := tls.DialWithDialer(dialer, "tcp", address, trust)
		if err == nil {
			return connection.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// configure gives the node's own Pods their network.
func configure(podCIDR string) error {
	var text bytes.Buffer
	if err := cniTemplate.Execute(&text, struct{ PodCIDR string }{podCIDR}); err != nil {
		return err
	}
	target := filepath.Join(cniDirectory, "10-podnet.conflist")
	if current, err := os.ReadFile(target); err == nil && bytes.Equal(current, text.Bytes()) {
		return nil
	}
	aside := filepath.Join(cniDirectory, ".podnet")
	if err := os.WriteFile(aside, text.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(aside, target)
}

// join routes the Pods of every other node by that node's address.
func join(self string, lister listers.NodeLister) error {
	nodes, err := lister.List(labels.Everything())
	if err != nil {
		return err
	}
	var failures []error
	for _, node := range nodes {
		gateway := internalIP(node)
		if node.Spec.PodCIDR == "" || gateway == nil {
			continue
		}
		if node.Name == self {
			failures = append(failures, configure(node.Spec.PodCIDR))
			continue
		}
		_, pods, err := net.ParseCIDR(node.Spec.PodCIDR)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if err := netlink.RouteReplace(&netlink.Route{Dst: pods, Gw: gateway}); err != nil {
			failures = append(failures, fmt.Errorf("route %s via %s: %w", pods, gateway, err))
		}
	}
	return errors.Join(failures...)
}

func internalIP(node *corev1.Node) net.IP {
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return net.ParseIP(address.Address).To4()
		}
	}
	return nil
}

// masquerade hides Pod addresses from everything that is no Pod: nothing outside knows a way back to them.
func masquerade(podSubnet string) error {
	if err := iptables("-N", chain); err != nil {
		if err := iptables("-F", chain); err != nil {
			return err
		}
	}
	for _, rule := range [][]string{
		{"-A", chain, "-d", podSubnet, "-j", "RETURN"},
		{"-A", chain, "-d", "224.0.0.0/4", "-j", "RETURN"},
		{"-A", chain, "-m", "mark", "--mark", kubeProxyMark, "-j", "RETURN"},
		{"-A", chain, "-j", "MASQUERADE"},
	} {
		if err := iptables(rule...); err != nil {
			return err
		}
	}
	jump := []string{"POSTROUTING", "-s", podSubnet, "-m", "addrtype", "!", "--dst-type", "LOCAL", "-j", chain}
	if iptables(append([]string{"-C"}, jump...)...) == nil {
		return nil
	}
	return iptables(append([]string{"-A"}, jump...)...)
}

func iptables(arguments ...string) error {
	arguments = append([]string{"-w", "-t", "nat"}, arguments...)
	output, err := exec.Command("iptables", arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}
